// The weights of convolutions between the layout of checkpoints, [out,in,taps], and that of NHWC
// convolutions, [out,taps,in], with channels added that are zero. Each thread writes where its neighbours
// write; what it reads lies within a few lines of theirs, so that both sides pass the memory once.
#ifndef HS_CASES
#include "storage.cuh"

struct Filter {
  int64_t stride, in, out, taps, packed_in, total;
  Divider by_channels, by_taps; // of what is written
};

template <typename T> __global__ void pack_filter(const float *weight, T *packed, Filter filter) {
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t k = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; k < filter.total; k += step) {
    const unsigned row = filter.by_channels(static_cast<unsigned>(k)), o = filter.by_taps(row);
    const int64_t i = k - row * filter.packed_in, tap = row - o * filter.taps;
    const bool there = o < filter.out && i < filter.in;
    packed[k] = from_float<T>(there ? weight[(o * filter.stride + i) * filter.taps + tap] : 0.0f);
  }
}

template <typename T> __global__ void unpack_filter(const T *packed, float *weight, Filter filter) {
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t k = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; k < filter.total; k += step) {
    const unsigned row = filter.by_taps(static_cast<unsigned>(k)), o = filter.by_channels(row);
    const int64_t tap = k - row * filter.taps, i = row - o * filter.in;
    weight[(o * filter.stride + i) * filter.taps + tap] =
        to_float(packed[(o * filter.taps + tap) * filter.packed_in + i]);
  }
}

static bool valid(const struct hs_filter *args) {
  return args && args->weight && args->packed && args->in >= 0 && args->in <= args->stride &&
         args->in <= args->packed_in && args->out >= 0 && args->out <= args->packed_out && args->taps >= 1 &&
         is_dtype(args->dtype);
}

// `total` elements are written, `channels` of them side by side.
static Filter filter_of(const hs_filter &args, int64_t total, int64_t channels) {
  return {args.stride,    args.in, args.out,          args.taps,
          args.packed_in, total,   Divider(channels), Divider(args.taps)};
}

int hs_filter_pack(hs_stream stream, const struct hs_filter *args) {
  HS_REQUIRE(valid(args));
  const int64_t total = args->packed_out * args->taps * args->packed_in;
  if (total == 0)
    return HS_OK;
  if (total > kMaxIndex)
    return HS_UNSUPPORTED;
  return with_storage(args->dtype, [&](auto storage) {
    using T = decltype(storage);
    return launch(pack_filter<T>, blocks_for(total), kThreads, 0, stream, args->weight,
                  static_cast<T *>(args->packed), filter_of(*args, total, args->packed_in));
  });
}

int hs_filter_unpack(hs_stream stream, const struct hs_filter *args) {
  HS_REQUIRE(valid(args));
  const int64_t total = args->out * args->in * args->taps;
  if (total == 0)
    return HS_OK;
  if (total > kMaxIndex)
    return HS_UNSUPPORTED;
  return with_storage(args->dtype, [&](auto storage) {
    using T = decltype(storage);
    return launch(unpack_filter<T>, blocks_for(total), kThreads, 0, stream,
                  static_cast<const T *>(args->packed), args->weight, filter_of(*args, total, args->in));
  });
}

#else // ---- What is compared with the CPU's ----------------------------------------------------------------
#include "test/harness.h"

static void filter(const Check &check, int32_t dtype, int64_t in) {
  check(name_of("filter", dtype, {in}), [=](Side &s) {
    struct hs_filter a = {.stride = 43, .in = in, .out = 21, .taps = 9, .packed_in = 40, .packed_out = 24};
    const int64_t stored = a.out * a.stride * a.taps, count = a.packed_out * a.taps * a.packed_in;
    a.dtype = dtype;
    a.weight = s.floats(stored, 1);
    a.packed = s.output(dtype, count);
    HS_CALL(s, hs_filter_pack, a);
    s.read("packed", a.packed, dtype, count);
    a.weight = s.floats(stored, 2);
    HS_CALL(s, hs_filter_unpack, a);
    s.read("unpacked", a.weight, HS_F32, stored);
  });
}

static const Cases cases([](const Check &check) {
  for (int32_t dtype : {HS_F32, HS_BF16}) {
    filter(check, dtype, 3);
    filter(check, dtype, 40);
  }
});
#endif
