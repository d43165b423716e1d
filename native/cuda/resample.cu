// Nearest-neighbour doubling and 2x2 averaging of NHWC images, with their gradients, and pooling over
// windows. A thread owns a few channels of one pixel; neighbouring threads own neighbouring channels.
#ifndef HS_CASES
#include "storage.cuh"

#include <math.h>

struct Image {
  int64_t h, w, packs, total; // packs of V channels; of all pixels
  Divider by_packs, by_w, by_h;
};

static Image image(int64_t n, int64_t h, int64_t w, int64_t packs) {
  return {h, w, packs, n * h * w * packs, Divider(packs), Divider(w), Divider(h)};
}

struct Pixel {
  int64_t sample, y, x, pack;
};

__device__ inline Pixel pixel_at(const Image &image, int64_t index) {
  const unsigned pixel = image.by_packs(static_cast<unsigned>(index));
  const unsigned row = image.by_w(pixel), sample = image.by_h(row);
  return {int64_t{sample}, row - sample * image.h, pixel - row * image.w, index - pixel * image.packs};
}

// big[2y..2y+1, 2x..2x+1] = small[y, x]
template <typename T, int V> __global__ void spread(const T *small, T *big, Image image) {
  wait_for_earlier();
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < image.total; i += step) {
    const Pixel at = pixel_at(image, i);
    float values[V];
    load(small + i * V, values);
    T *top = big + (((at.sample * image.h + at.y) * 4 * image.w + 2 * at.x) * image.packs + at.pack) * V;
    T *bottom = top + 2 * image.w * image.packs * V;
    store(top, values);
    store(top + image.packs * V, values);
    store(bottom, values);
    store(bottom + image.packs * V, values);
  }
}

// small[y, x] (+)= factor * the sum of big[2y..2y+1, 2x..2x+1]; big has big_h rows of big_w pixels.
template <typename T, int V, bool Add>
__global__ void gather(const T *big, T *small, float factor, int64_t big_h, int64_t big_w, Image image) {
  wait_for_earlier();
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < image.total; i += step) {
    const Pixel at = pixel_at(image, i);
    const T *top = big + (((at.sample * big_h + 2 * at.y) * big_w + 2 * at.x) * image.packs + at.pack) * V;
    const T *bottom = top + big_w * image.packs * V;
    float a[V], b[V], c[V], d[V], before[V];
    load(top, a);
    load(top + image.packs * V, b);
    load(bottom, c);
    load(bottom + image.packs * V, d);
    if constexpr (Add)
      load(small + i * V, before);
#pragma unroll
    for (int v = 0; v < V; v++) {
      a[v] = ((a[v] + b[v]) + (c[v] + d[v])) * factor;
      if constexpr (Add)
        a[v] += before[v];
    }
    store(small + i * V, a);
  }
}

// big[y, x] (+)= small[y/2, x/2] / 4, zero where an odd last row or column was dropped.
template <typename T, int V, bool Add> __global__ void share(const T *small, T *big, Image image) {
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  const int64_t small_h = image.h / 2, small_w = image.w / 2;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < image.total; i += step) {
    const Pixel at = pixel_at(image, i);
    float values[V] = {};
    if (at.y / 2 < small_h && at.x / 2 < small_w)
      load(small + (((at.sample * small_h + at.y / 2) * small_w + at.x / 2) * image.packs + at.pack) * V,
           values);
    float before[V];
    if constexpr (Add)
      load(big + i * V, before);
#pragma unroll
    for (int v = 0; v < V; v++) {
      values[v] *= 0.25f;
      if constexpr (Add)
        values[v] += before[v];
    }
    store(big + i * V, values);
  }
}

static bool valid(const struct hs_resample *args) {
  return args && args->n >= 0 && args->h >= 0 && args->w >= 0 && args->c >= 0 && is_dtype(args->dtype);
}

static bool packs_of(const void *x, const void *y, int64_t c, int32_t dtype) {
  return aligned(x, y) && c % elements_of_16_bytes(dtype) == 0;
}

int hs_upsample2_forward(hs_stream stream, const struct hs_resample *args) {
  HS_REQUIRE(valid(args) && args->x && args->y);
  if (args->n * args->h * args->w * args->c == 0)
    return HS_OK;
  const bool packs = packs_of(args->x, args->y, args->c, args->dtype);
  return with_pack(args->dtype, packs, [&](auto storage, auto width) {
    using T = decltype(storage);
    constexpr int V = decltype(width)::value;
    const Image small = image(args->n, args->h, args->w, args->c / V);
    if (small.total > kMaxIndex)
      return static_cast<int>(HS_UNSUPPORTED);
    return launch_early(spread<T, V>, blocks_for(small.total), kThreads, 0, stream,
                        static_cast<const T *>(args->x), static_cast<T *>(args->y), small);
  });
}

// small has h rows of w pixels, big big_h of big_w.
static int launch_gather(hs_stream stream, const hs_resample &args, const void *big, int64_t big_h,
                         int64_t big_w, void *small, int64_t h, int64_t w, float factor, bool add) {
  if (args.n * h * w * args.c == 0)
    return HS_OK;
  return with_pack(args.dtype, packs_of(big, small, args.c, args.dtype), [&](auto storage, auto width) {
    using T = decltype(storage);
    constexpr int V = decltype(width)::value;
    const Image shape = image(args.n, h, w, args.c / V);
    if (shape.total > kMaxIndex)
      return static_cast<int>(HS_UNSUPPORTED);
    return launch_early(add ? gather<T, V, true> : gather<T, V, false>, blocks_for(shape.total), kThreads, 0,
                        stream, static_cast<const T *>(big), static_cast<T *>(small), factor, big_h, big_w,
                        shape);
  });
}

int hs_upsample2_backward(hs_stream stream, const struct hs_resample *args) {
  HS_REQUIRE(valid(args) && args->dy && args->dx);
  return launch_gather(stream, *args, args->dy, 2 * args->h, 2 * args->w, args->dx, args->h, args->w, 1.0f,
                       args->accumulate != 0);
}

int hs_downsample2_forward(hs_stream stream, const struct hs_resample *args) {
  HS_REQUIRE(valid(args) && args->x && args->y);
  return launch_gather(stream, *args, args->x, args->h, args->w, args->y, args->h / 2, args->w / 2, 0.25f,
                       false);
}

int hs_downsample2_backward(hs_stream stream, const struct hs_resample *args) {
  HS_REQUIRE(valid(args) && args->dy && args->dx);
  if (args->n * args->h * args->w * args->c == 0)
    return HS_OK;
  const bool packs = packs_of(args->dy, args->dx, args->c, args->dtype);
  return with_pack(args->dtype, packs, [&](auto storage, auto width) {
    using T = decltype(storage);
    constexpr int V = decltype(width)::value;
    const Image big = image(args->n, args->h, args->w, args->c / V);
    if (big.total > kMaxIndex)
      return static_cast<int>(HS_UNSUPPORTED);
    return launch(args->accumulate ? share<T, V, true> : share<T, V, false>, blocks_for(big.total), kThreads,
                  0, stream, static_cast<const T *>(args->dy), static_cast<T *>(args->dx), big);
  });
}

// ---- Pooling ----------------------------------------------------------------------------------------------

struct Window {
  int32_t rows, columns, stride, row_padding, column_padding;
};

template <typename T, int V, bool Average>
__global__ void pool(const T *x, T *y, int64_t h, int64_t w, Window window, Image out) {
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < out.total; i += step) {
    const Pixel at = pixel_at(out, i);
    const int64_t first_row = at.y * window.stride - window.row_padding;
    const int64_t first_column = at.x * window.stride - window.column_padding;
    const int64_t top = larger(first_row, 0), bottom = smaller(first_row + window.rows, h);
    const int64_t left = larger(first_column, 0), right = smaller(first_column + window.columns, w);
    float result[V];
#pragma unroll
    for (int v = 0; v < V; v++)
      result[v] = Average ? 0.0f : -INFINITY;
    for (int64_t row = top; row < bottom; row++)
      for (int64_t column = left; column < right; column++) {
        float value[V];
        load(x + (((at.sample * h + row) * w + column) * out.packs + at.pack) * V, value);
#pragma unroll
        for (int v = 0; v < V; v++) {
          if constexpr (Average)
            result[v] += value[v];
          else
            result[v] = result[v] >= value[v] ? result[v] : value[v];
        }
      }
    if constexpr (Average) {
      const float factor = 1.0f / static_cast<float>((bottom - top) * (right - left));
#pragma unroll
      for (int v = 0; v < V; v++)
        result[v] *= factor;
    }
    store(y + i * V, result);
  }
}

int hs_pool(hs_stream stream, const struct hs_pool *args) {
  HS_REQUIRE(args && args->x && args->y && args->n >= 0 && args->h >= 1 && args->w >= 1 && args->c >= 0 &&
             args->stride >= 1 && is_dtype(args->dtype));
  const int64_t h = args->h + 2 * args->row_padding, w = args->w + 2 * args->column_padding; // with padding
  HS_REQUIRE(args->row_padding >= 0 && args->row_padding < args->rows && h >= args->rows);
  HS_REQUIRE(args->column_padding >= 0 && args->column_padding < args->columns && w >= args->columns);
  if (args->n * args->c == 0)
    return HS_OK;
  const int64_t out_h = (h - args->rows) / args->stride + 1, out_w = (w - args->columns) / args->stride + 1;
  const Window window = {args->rows, args->columns, args->stride, args->row_padding, args->column_padding};
  const bool packs = packs_of(args->x, args->y, args->c, args->dtype);
  return with_pack(args->dtype, packs, [&](auto storage, auto width) {
    using T = decltype(storage);
    constexpr int V = decltype(width)::value;
    const Image out = image(args->n, out_h, out_w, args->c / V);
    if (out.total > kMaxIndex)
      return static_cast<int>(HS_UNSUPPORTED);
    return launch(args->average ? pool<T, V, true> : pool<T, V, false>, blocks_for(out.total), kThreads, 0,
                  stream, static_cast<const T *>(args->x), static_cast<T *>(args->y), args->h, args->w,
                  window, out);
  });
}

#else // ---- What is compared with the CPU's ----------------------------------------------------------------
#include "test/harness.h"

static void resample(const Check &check, int32_t dtype, int64_t n, int64_t h, int64_t w, int64_t c) {
  check(name_of("resample", dtype, {n, h, w, c}), [=](Side &s) {
    const int64_t count = n * h * w * c, small = n * (h / 2) * (w / 2) * c;
    const void *x = s.numbers(dtype, count, 1), *dbig = s.numbers(dtype, 4 * count, 2);
    const void *dsmall = s.numbers(dtype, small, 3);
    void *big = s.output(dtype, 4 * count), *little = s.output(dtype, small);
    struct hs_resample a = {.n = n, .h = h, .w = w, .c = c, .dtype = dtype, .x = x};
    a.y = big;
    HS_CALL(s, hs_upsample2_forward, a);
    s.read("doubled", big, dtype, 4 * count);
    a.y = little;
    HS_CALL(s, hs_downsample2_forward, a);
    s.read("halved", little, dtype, small);
    for (int32_t add : {0, 1}) {
      void *dx = s.numbers(dtype, count, 4);
      a.accumulate = add;
      a.dx = dx;
      a.dy = dbig;
      HS_CALL(s, hs_upsample2_backward, a);
      s.read("gradient of doubling", dx, dtype, count);
      a.dy = dsmall;
      HS_CALL(s, hs_downsample2_backward, a);
      s.read("gradient of halving", dx, dtype, count);
      const int64_t out = n * ((h + 2 - 3) / 2 + 1) * ((w + 2 - 3) / 2 + 1) * c;
      void *pooled = s.output(dtype, out);
      HS_RUN(s, hs_pool, .n = n, .h = h, .w = w, .c = c, .average = add, .rows = 3, .columns = 3, .stride = 2,
             .row_padding = 1, .column_padding = 1, .dtype = dtype, .x = x, .y = pooled);
      s.read("pooled", pooled, dtype, out);
    }
  });
}

static const Cases cases([](const Check &check) {
  for (int32_t dtype : {HS_F32, HS_BF16}) {
    resample(check, dtype, 2, 7, 5, 33);
    resample(check, dtype, 1, 8, 6, 64);
  }
});
#endif
