// The functions of hs_function and their slopes. In float32 to a few units in the last place over the whole
// range; where the result is rounded to bfloat16 the approximate exponential and division do, which keeps
// these kernels bound by memory.
#ifndef HALFSTEP_CUDA_ACTIVATION_CUH
#define HALFSTEP_CUDA_ACTIVATION_CUH

#include "storage.cuh"

#include <math.h>

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

template <typename T> __device__ inline float sigmoid(float x) {
  const float power = exponential<T>(-fabsf(x));
  return quotient<T>(x >= 0.0f ? 1.0f : power, 1.0f + power);
}

// Each function as a type, for kernels that are made once for each; T is the storage type.
struct Silu {
  template <typename T> static __device__ float value(float x) { return silu<T>(x); }
  template <typename T> static __device__ float slope(float x) { return silu_slope<T>(x); }
};

struct Relu {
  template <typename T> static __device__ float value(float x) { return x < 0.0f ? 0.0f : x; } // keeps a NaN
  template <typename T> static __device__ float slope(float x) { return x <= 0.0f ? 0.0f : 1.0f; }
};

struct Gelu {
  // What lies below x of the normal distribution.
  static __device__ float below(float x) { return 0.5f * erfcf(x * -0.7071067811865476f); }

  template <typename T> static __device__ float value(float x) { return x * below(x); }
  template <typename T> static __device__ float slope(float x) {
    return below(x) + x * (exponential<T>(x * x * -0.5f) * 0.3989422804014327f);
  }
};

// x where its slopes still change: far out they are 0 and 1. Keeps a NaN.
__device__ inline float within_slopes(float x) { return x < -200.0f ? -200.0f : x > 200.0f ? 200.0f : x; }

// (1 + tanh u) / 2 = sigmoid(2 u).
struct GeluTanh {
  static constexpr float kTwice = 1.5957691216057308f, kCubic = 0.044715f; // 2 sqrt(2 / pi)

  template <typename T> static __device__ float value(float x) {
    return x * sigmoid<T>(kTwice * x * (1.0f + kCubic * (x * x)));
  }
  template <typename T> static __device__ float slope(float x) {
    const float near = within_slopes(x);
    const float square = near * near;
    const float s = sigmoid<T>(kTwice * near * (1.0f + kCubic * square));
    return s + near * (s * (1.0f - s)) * (kTwice * (1.0f + 3.0f * kCubic * square));
  }
};

struct QuickGelu {
  static constexpr float kScale = 1.702f;

  template <typename T> static __device__ float value(float x) { return x * sigmoid<T>(kScale * x); }
  template <typename T> static __device__ float slope(float x) {
    return silu_slope<T>(kScale * within_slopes(x));
  }
};

inline bool is_function(int32_t function) { return function >= HS_SILU && function <= HS_QUICK_GELU; }

// body(a value of the type above that `function` names).
template <typename Body> inline int with_function(int32_t function, Body &&body) {
  switch (function) {
  case HS_SILU:
    return body(Silu{});
  case HS_RELU:
    return body(Relu{});
  case HS_GELU:
    return body(Gelu{});
  case HS_GELU_TANH:
    return body(GeluTanh{});
  default:
    return body(QuickGelu{});
  }
}

#endif
