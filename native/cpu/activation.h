// The functions of hs_function and their slopes, each accurate to a few units in the last place over the
// whole range; where a slope is a small difference, to a few units of the last place of 1.
#ifndef HALFSTEP_CPU_ACTIVATION_H
#define HALFSTEP_CPU_ACTIVATION_H

#include "vector_math.h"

// The types below have internal linkage: those of two instruction sets must not be merged.
namespace {

struct Silu {
  HS_INLINE Floats value(Floats x) { return silu(x); }
  HS_INLINE Floats slope(Floats x) { return silu_slope(x); }
};

struct Relu {
  HS_INLINE Floats value(Floats x) { return larger_of(Floats{}, x); } // in the order that keeps a NaN
  HS_INLINE Floats slope(Floats x) { return x <= 0.0f ? Floats{} : splat(1.0f); }
};

// The normal distribution: its density at x, and what lies beyond |x| of it.
struct Normal {
  Floats density, tail;

  // tail = exp(-x^2/2) t p(t), t = 1 / (1 + 0.305 |x|), p fitted to minimise the relative error of the tail,
  // which is 4e-7 at most, and near 0 less.
  HS_INLINE Normal at(Floats x) {
    const Floats power = exponential(x * x * -0.5f);
    const Floats t = 1.0f / (1.0f + 0.305f * (Floats)((Ints)x & 0x7fffffff));
    Floats p = t * 0.036035630078279285f - 0.15032259273795184f;
    p = p * t + 0.18129726598753773f;
    p = p * t - 0.03407167451332469f;
    p = p * t + 0.11904346649768355f;
    p = p * t + 0.10399315474615692f;
    p = p * t + 0.12237956604277639f;
    p = p * t + 0.12164512756527113f;
    return {power * 0.3989422804014327f, power * (t * p)};
  }

  // What lies below x.
  HS_INLINE_MEMBER Floats below(Floats x) const { return x < 0.0f ? tail : 1.0f - tail; }
};

struct Gelu {
  HS_INLINE Floats value(Floats x) { return x * Normal::at(x).below(x); }
  HS_INLINE Floats slope(Floats x) {
    const Normal normal = Normal::at(x);
    return normal.below(x) + x * normal.density;
  }
};

// x where its slopes still change: far out they are 0 and 1. In the order that keeps a NaN.
HS_INLINE Floats within_slopes(Floats x) { return larger_of(splat(-200.0f), smaller_of(splat(200.0f), x)); }

// (1 + tanh u) / 2 = sigmoid(2 u).
struct GeluTanh {
  static constexpr float kTwice = 1.5957691216057308f, kCubic = 0.044715f; // 2 sqrt(2 / pi)

  HS_INLINE Floats value(Floats x) { return x * sigmoid(kTwice * x * (1.0f + kCubic * (x * x))); }
  HS_INLINE Floats slope(Floats x) {
    const Floats near = within_slopes(x);
    const Floats square = near * near;
    const Floats s = sigmoid(kTwice * near * (1.0f + kCubic * square));
    return s + near * (s * (1.0f - s)) * (kTwice * (1.0f + 3.0f * kCubic * square));
  }
};

struct QuickGelu {
  static constexpr float kScale = 1.702f;

  HS_INLINE Floats value(Floats x) { return x * sigmoid(kScale * x); }
  HS_INLINE Floats slope(Floats x) { return silu_slope(kScale * within_slopes(x)); }
};

} // namespace

static inline bool is_function(int32_t function) { return function >= HS_SILU && function <= HS_QUICK_GELU; }

// Calls body with the type above that `function` (checked by the caller) names.
template <typename Body> static inline void with_function(int32_t function, Body &&body) {
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
