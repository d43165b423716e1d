// Images put into larger ones of zeros, and cut out of them.
#ifndef HS_CASES
#include "storage.cuh"

struct Box {
  int64_t h, w, packs, top, left; // packs of V channels
  int64_t out_h, out_w, out_packs;
  Divider by_packs, by_w, by_h; // of the image that a kernel writes
};

// y[sample, row, column, pack], where that lies in x and as x has it; else zero.
template <typename T, int V, bool Add> __global__ void pad(const T *x, T *y, Box box, int64_t total) {
  wait_for_earlier();
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < total; i += step) {
    const unsigned pixel = box.by_packs(static_cast<unsigned>(i)), line = box.by_w(pixel);
    const int64_t sample = box.by_h(line), pack = i - pixel * box.out_packs;
    const int64_t row = line - sample * box.out_h - box.top;
    const int64_t column = pixel - int64_t{line} * box.out_w - box.left;
    const bool inside = row >= 0 && row < box.h && column >= 0 && column < box.w && pack < box.packs;
    float values[V] = {};
    if (inside)
      load(x + (((sample * box.h + row) * box.w + column) * box.packs + pack) * V, values);
    if constexpr (Add) {
      float before[V];
      load(y + i * V, before);
#pragma unroll
      for (int v = 0; v < V; v++)
        values[v] += before[v];
    }
    store(y + i * V, values);
  }
}

template <typename T, int V, bool Add> __global__ void crop(const T *y, T *x, Box box, int64_t total) {
  wait_for_earlier();
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < total; i += step) {
    const unsigned pixel = box.by_packs(static_cast<unsigned>(i)), line = box.by_w(pixel);
    const int64_t sample = box.by_h(line), pack = i - pixel * box.packs;
    const int64_t row = line - sample * box.h + box.top;
    const int64_t column = pixel - int64_t{line} * box.w + box.left;
    float values[V], before[V];
    load(y + (((sample * box.out_h + row) * box.out_w + column) * box.out_packs + pack) * V, values);
    if constexpr (Add) {
      load(x + i * V, before);
#pragma unroll
      for (int v = 0; v < V; v++)
        values[v] += before[v];
    }
    store(x + i * V, values);
  }
}

static bool valid(const struct hs_pad *args) {
  return args && args->x && args->y && args->n >= 0 && args->h >= 0 && args->w >= 0 && args->c >= 0 &&
         args->top >= 0 && args->left >= 0 && args->top + args->h <= args->out_h &&
         args->left + args->w <= args->out_w && args->c <= args->out_c && is_dtype(args->dtype);
}

static bool packs_of(const struct hs_pad &args) {
  const int64_t pack = elements_of_16_bytes(args.dtype);
  return aligned(args.x, args.y) && args.c % pack == 0 && args.out_c % pack == 0;
}

int hs_pad(hs_stream stream, const struct hs_pad *args) {
  HS_REQUIRE(valid(args));
  if (args->n * args->out_h * args->out_w * args->out_c == 0)
    return HS_OK;
  return with_pack(args->dtype, packs_of(*args), [&](auto storage, auto width) {
    using T = decltype(storage);
    constexpr int V = decltype(width)::value;
    const int64_t packs = args->out_c / V, total = args->n * args->out_h * args->out_w * packs;
    if (total > kMaxIndex)
      return static_cast<int>(HS_UNSUPPORTED);
    const Box box = {args->h,
                     args->w,
                     args->c / V,
                     args->top,
                     args->left,
                     args->out_h,
                     args->out_w,
                     packs,
                     Divider(packs),
                     Divider(args->out_w),
                     Divider(args->out_h)};
    return launch_early(args->accumulate ? pad<T, V, true> : pad<T, V, false>, blocks_for(total), kThreads, 0,
                        stream, static_cast<const T *>(args->x), static_cast<T *>(args->y), box, total);
  });
}

int hs_crop(hs_stream stream, const struct hs_pad *args) {
  HS_REQUIRE(valid(args));
  if (args->n * args->h * args->w * args->c == 0)
    return HS_OK;
  return with_pack(args->dtype, packs_of(*args), [&](auto storage, auto width) {
    using T = decltype(storage);
    constexpr int V = decltype(width)::value;
    const int64_t packs = args->c / V, total = args->n * args->h * args->w * packs;
    if (total > kMaxIndex)
      return static_cast<int>(HS_UNSUPPORTED);
    const Box box = {args->h,        args->w,          packs,           args->top,
                     args->left,     args->out_h,      args->out_w,     args->out_c / V,
                     Divider(packs), Divider(args->w), Divider(args->h)};
    return launch_early(args->accumulate ? crop<T, V, true> : crop<T, V, false>, blocks_for(total), kThreads,
                        0, stream, static_cast<const T *>(args->y), static_cast<T *>(args->x), box, total);
  });
}

#else // ---- What is compared with the CPU's ----------------------------------------------------------------
#include "test/harness.h"

static void pad(const Check &check, int32_t dtype, int64_t c, int64_t out_c) {
  check(name_of("pad", dtype, {c, out_c}), [=](Side &s) {
    struct hs_pad a = {.n = 2, .h = 5, .w = 3, .c = c, .out_h = 7, .out_w = 6, .out_c = out_c, .top = 1};
    a.left = 2;
    a.dtype = dtype;
    const int64_t small = a.n * a.h * a.w * c, big = a.n * a.out_h * a.out_w * out_c;
    for (a.accumulate = 0; a.accumulate <= 1; a.accumulate++) {
      a.x = s.numbers(dtype, small, 1);
      a.y = s.numbers(dtype, big, 2);
      HS_CALL(s, hs_pad, a);
      s.read("padded", a.y, dtype, big);
      a.y = s.numbers(dtype, big, 3);
      HS_CALL(s, hs_crop, a);
      s.read("cropped", a.x, dtype, small);
    }
  });
}

static const Cases cases([](const Check &check) {
  for (int32_t dtype : {HS_F32, HS_BF16}) {
    pad(check, dtype, 5, 5);
    pad(check, dtype, 3, 8);
    pad(check, dtype, 16, 24);
  }
});
#endif
