// SiLU and its slope. In float32 to a few units in the last place over the whole range; where the result is
// rounded to bfloat16 the approximate exponential and division do, which keeps these kernels bound by memory.
#ifndef HALFSTEP_CUDA_ACTIVATION_CUH
#define HALFSTEP_CUDA_ACTIVATION_CUH

#include "storage.cuh"

template <typename T> __device__ inline float exponential(float x);
template <> __device__ inline float exponential<float>(float x) { return expf(x); }
template <> __device__ inline float exponential<Bf16>(float x) { return __expf(x); }

template <typename T> __device__ inline float quotient(float a, float b);
template <> __device__ inline float quotient<float>(float a, float b) { return a / b; }
template <> __device__ inline float quotient<Bf16>(float a, float b) { return __fdividef(a, b); }

template <typename T> __device__ inline float silu(float x) {
  const float power = exponential<T>(-fabsf(x)); // cannot overflow
  return quotient<T>(x >= 0.0f ? x : x * power, 1.0f + power);
}

template <typename T> __device__ inline float silu_slope(float x) {
  const float power = exponential<T>(-fabsf(x));
  const float major = quotient<T>(1.0f, 1.0f + power),
              minor = power * major; // sigmoid(|x|) and sigmoid(-|x|)
  const float own = x >= 0.0f ? major : minor, other = x >= 0.0f ? minor : major;
  return own * (1.0f + x * other);
}

#endif
