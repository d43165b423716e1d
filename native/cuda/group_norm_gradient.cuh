// What the two ways of group normalisation's backward pass share.
#ifndef HALFSTEP_CUDA_GROUP_NORM_GRADIENT_CUH
#define HALFSTEP_CUDA_GROUP_NORM_GRADIENT_CUH

#include "group_norm.cuh"

template <typename T, bool Silu> __device__ inline float before_silu(float dy, float value) {
  if constexpr (Silu)
    return dy * silu_slope<T>(value);
  else
    return dy;
}

#endif
