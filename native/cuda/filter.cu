// The weights of convolutions between the layout of checkpoints, [out,in,taps], and that of NHWC
// convolutions, [out,taps,in], with channels added that are zero. Each thread writes where its neighbours
// write; what it reads lies within a few lines of theirs, so that both sides pass the memory once.
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

static bool valid(int64_t stride, int64_t in, int64_t out, int64_t taps, int64_t packed_in,
                  int64_t packed_out) {
  return in >= 0 && in <= stride && in <= packed_in && out >= 0 && out <= packed_out && taps >= 1;
}

int hs_filter_pack(hs_stream stream, const float *weight, int64_t stride, int64_t in, int64_t out,
                   int64_t taps, void *packed, int64_t packed_in, int64_t packed_out, int32_t dtype) {
  HS_REQUIRE(weight && packed && valid(stride, in, out, taps, packed_in, packed_out) && is_dtype(dtype));
  const int64_t total = packed_out * taps * packed_in;
  if (total == 0)
    return HS_OK;
  if (total > kMaxIndex)
    return HS_UNSUPPORTED;
  const Filter filter = {stride, in, out, taps, packed_in, total, Divider(packed_in), Divider(taps)};
  return with_storage(dtype, [&](auto storage) {
    using T = decltype(storage);
    return launch(pack_filter<T>, blocks_for(total), kThreads, 0, stream, weight, static_cast<T *>(packed),
                  filter);
  });
}

int hs_filter_unpack(hs_stream stream, const void *packed, int64_t packed_in, int64_t packed_out,
                     float *weight, int64_t stride, int64_t in, int64_t out, int64_t taps, int32_t dtype) {
  HS_REQUIRE(weight && packed && valid(stride, in, out, taps, packed_in, packed_out) && is_dtype(dtype));
  const int64_t total = out * in * taps;
  if (total == 0)
    return HS_OK;
  if (total > kMaxIndex)
    return HS_UNSUPPORTED;
  const Filter filter = {stride, in, out, taps, packed_in, total, Divider(in), Divider(taps)};
  return with_storage(dtype, [&](auto storage) {
    using T = decltype(storage);
    return launch(unpack_filter<T>, blocks_for(total), kThreads, 0, stream, static_cast<const T *>(packed),
                  weight, filter);
  });
}
