// Exponential and logistic functions of a vector, accurate to about one unit in the last place over the whole
// range.
#ifndef HALFSTEP_CPU_VECTOR_MATH_H
#define HALFSTEP_CPU_VECTOR_MATH_H

#include "vector.h"

// exp(x) for x <= 0: exp(x) = 2^k exp(r), |r| <= ln(2)/2; exp(r) = 1 + r + r^2 p(r), p fitted to minimise the
// relative error. Underflows through the subnormal numbers to zero, keeps NaN.
HS_INLINE Floats exponential(Floats x) {
  constexpr float kRounder = 12582912.0f; // 1.5 * 2^23: adding it leaves the nearest integer in the low bits
  constexpr float kLog2E = 1.44269504f;
  constexpr float kLn2High = 0.693359375f; // few bits, so that k * kLn2High is exact
  constexpr float kLn2Low = -2.12194440e-4f;
  x = larger_of(splat(-105.0f), x); // in the order that keeps a NaN
  Floats shifted = x * kLog2E + kRounder;
  Floats k = shifted - kRounder;
  Floats r = x - k * kLn2High;
  r = r - k * kLn2Low;
  Floats p = r * 1.3814540087039066e-3f + 8.368745120658333e-3f;
  p = p * r + 4.1668390786297096e-2f;
  p = p * r + 0.1666652039894858f;
  p = p * r + 0.49999993432113726f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
#if defined(__AVX512F__)
  return _mm512_maskz_scalef_ps(0xffff, p, k);
#else
  Ints exponent = (Ints)shifted - (Ints)splat(kRounder);
  // Two factors, because 2^k alone leaves the range of normal numbers.
  Ints half = exponent >> 1;
  Floats first = (Floats)((half + 127) << 23);
  Floats second = (Floats)((exponent - half + 127) << 23);
  return p * first * second;
#endif
}

// 2^x for x <= 1: 2^x = 2^k 2^f, |f| <= 1/2; 2^f = 1 + f q(f), q fitted to minimise the relative error, which
// is 1.7e-7 at most. Cheaper than `exponential`, for softmaxes, whose arguments are never above 0 but for
// rounding. Underflows to zero, keeps NaN.
HS_INLINE Floats power_of_two(Floats x) {
#if defined(__AVX512F__)
  const Floats f = _mm512_maskz_reduce_ps(0xffff, x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const Floats k = x - f;
#else
  constexpr float kRounder = 12582912.0f; // as above
  x = larger_of(splat(-150.0f), x);       // in the order that keeps a NaN
  const Floats shifted = x + kRounder;
  const Floats k = shifted - kRounder;
  const Floats f = x - k;
#endif
  Floats p = f * 1.3264727206409204e-3f + 9.671512650110197e-3f;
  p = p * f + 5.550733743325108e-2f;
  p = p * f + 0.24022242085215487f;
  p = p * f + 0.6931469775990653f;
  p = p * f + 1.0f;
#if defined(__AVX512F__)
  return _mm512_maskz_scalef_ps(0xffff, p, k);
#else
  const Ints exponent = (Ints)shifted - (Ints)splat(kRounder);
  const Ints half = exponent >> 1; // in two factors, as above
  return p * (Floats)((half + 127) << 23) * (Floats)((exponent - half + 127) << 23);
#endif
}

// 1 / x for x in [1, 2], to about one unit in the last place.
HS_INLINE Floats reciprocal(Floats x) {
#if defined(__AVX512F__)
  const Floats guess = _mm512_maskz_rcp14_ps(0xffff, x); // to 2^-14; one Newton step doubles the digits
  return guess + guess * (1.0f - x * guess);
#else
  return 1.0f / x;
#endif
}

HS_INLINE Floats sigmoid(Floats x) {
  Floats e = exponential(
      (Floats)((Ints)x | (int32_t)0x80000000)); // exp(-|x|) neither overflows nor loses the small tail
  Floats numerator = x < 0.0f ? e : splat(1.0f);
  return numerator * reciprocal(1.0f + e);
}

HS_INLINE Floats silu(Floats x) { return x * sigmoid(x); }

// SiLU to 2e-4 of its size or better, for what becomes a byte: half of the operations.
HS_INLINE Floats rough_silu(Floats x) {
#if defined(__AVX512F__)
  const Floats power = x * -1.44269504f; // exp(-x) = 2^power; what overflows has the reciprocal 0
  const Floats f = _mm512_maskz_reduce_ps(0xffff, power, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  Floats p = f * 5.517166926075232e-2f + 0.24261112363693024f;
  p = p * f + 0.6932609855478737f;
  p = p * f + 0.9999280734534992f;
  const Floats e = _mm512_maskz_scalef_ps(0xffff, p, power - f);
  return x * (Floats)_mm512_maskz_rcp14_ps(0xffff, 1.0f + e);
#else
  return silu(x);
#endif
}

// d silu / dx = s (1 + x (1 - s)), s = sigmoid(x).
HS_INLINE Floats silu_slope(Floats x) {
  Floats s = sigmoid(x);
  return s * (1.0f + x * (1.0f - s));
}

#endif
