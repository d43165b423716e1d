// A function of the elements at one index of up to three arrays.
//
// Bound by memory, like all kernels that read and write each element once: 16 bytes per access, a warp's
// accesses side by side, enough threads to have some 32 KB per multiprocessor under way.
#ifndef HALFSTEP_CUDA_MAP_CUH
#define HALFSTEP_CUDA_MAP_CUH

#include "storage.cuh"

struct Addresses {
  const void *x0, *x1, *x2;
};

// y[i] = function(x0[i], ..) of the first `Inputs` addresses, V elements at a time; what is left over, one by
// one.
template <typename T, int V, int Inputs, typename Function>
__global__ void map(Function function, Addresses from, T *y, int64_t count) {
  wait_for_earlier();
  const T *const x[3] = {static_cast<const T *>(from.x0), static_cast<const T *>(from.x1),
                         static_cast<const T *>(from.x2)};
  const int64_t step = int64_t{gridDim.x} * blockDim.x * V;
  for (int64_t i = (int64_t{blockIdx.x} * blockDim.x + threadIdx.x) * V; i < count; i += step) {
    if (i + V <= count) {
      float in[Inputs][V], out[V];
#pragma unroll
      for (int k = 0; k < Inputs; k++)
        load(x[k] + i, in[k]);
#pragma unroll
      for (int v = 0; v < V; v++)
        out[v] = function(in[0][v], in[Inputs > 1 ? 1 : 0][v], in[Inputs > 2 ? 2 : 0][v]);
      store(y + i, out);
    } else {
      for (int64_t j = i; j < count; j++)
        y[j] = from_float<T>(function(to_float(x[0][j]), to_float(x[Inputs > 1 ? 1 : 0][j]),
                                      to_float(x[Inputs > 2 ? 2 : 0][j])));
    }
  }
}

template <int Inputs, template <typename> class Function, typename... Values>
inline int launch_map(hs_stream stream, Addresses from, void *y, int64_t count, int32_t dtype,
                      Values... values) {
  const bool packs = aligned(from.x0, Inputs > 1 ? from.x1 : y, Inputs > 2 ? from.x2 : y, y);
  return with_pack(dtype, packs, [&](auto storage, auto width) {
    using T = decltype(storage);
    constexpr int V = decltype(width)::value;
    return launch_early(map<T, V, Inputs, Function<T>>, blocks_for(ceil_div(count, V)), kThreads, 0, stream,
                        Function<T>{values...}, from, static_cast<T *>(y), count);
  });
}

#endif
