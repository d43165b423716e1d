// The storage types of activations, float32 and bfloat16, and of packed weights, float16 as well.
#ifndef HALFSTEP_CPU_STORAGE_H
#define HALFSTEP_CPU_STORAGE_H

#include "halfstep.h"

struct Bf16 {
  uint16_t bits;
};

// IEEE 754 binary16.
struct F16 {
  uint16_t bits;
};

static inline float to_float(float value) { return value; }

static inline float to_float(Bf16 value) {
  uint32_t bits = static_cast<uint32_t>(value.bits) << 16;
  float result;
  __builtin_memcpy(&result, &bits, sizeof result);
  return result;
}

template <typename T> static inline T from_float(float value);

template <> inline __attribute__((always_inline)) float from_float<float>(float value) { return value; }

// Rounds to nearest even; a NaN stays one.
template <> inline __attribute__((always_inline)) Bf16 from_float<Bf16>(float value) {
  uint32_t bits;
  __builtin_memcpy(&bits, &value, sizeof bits);
  if ((bits & 0x7fffffffu) > 0x7f800000u)
    return Bf16{static_cast<uint16_t>((bits >> 16) | 0x40u)};
  return Bf16{static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16)};
}

// Rounds to nearest even; a NaN stays one.
template <> inline __attribute__((always_inline)) F16 from_float<F16>(float value) {
  uint32_t bits;
  __builtin_memcpy(&bits, &value, sizeof bits);
  const uint32_t sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7fffffffu;
  uint32_t half;
  if (magnitude > 0x7f800000u) {
    half = 0x7e00u;
  } else if (magnitude >= 0x477ff000u) { // rounds to 2^16 or is more
    half = 0x7c00u;
  } else if (magnitude >= 0x38800000u) { // 2^-14, the smallest normal number
    half = (magnitude + 0xfffu + (magnitude >> 13 & 1u) - 0x38000000u) >> 13;
  } else { // adding 0.5 puts the last place of a subnormal number, 2^-24, at the last place of the sum
    float sum;
    __builtin_memcpy(&sum, &magnitude, sizeof sum);
    sum += 0.5f;
    __builtin_memcpy(&half, &sum, sizeof half);
    half -= 0x3f000000u;
  }
  return F16{static_cast<uint16_t>(sign | half)};
}

static inline bool is_weight_dtype(int32_t dtype) {
  return dtype == HS_F32 || dtype == HS_BF16 || dtype == HS_F16;
}

// Calls body with a value of the C++ type that `dtype` (checked by the caller) names.
template <typename Body> static inline void with_weights(int32_t dtype, Body &&body) {
  if (dtype == HS_F16)
    body(F16{});
  else if (dtype == HS_BF16)
    body(Bf16{});
  else
    body(0.0f);
}

static inline int64_t bytes_of(int32_t dtype) { return dtype == HS_F32 ? 4 : 2; }

static inline bool is_dtype(int32_t dtype) { return dtype == HS_F32 || dtype == HS_BF16; }

// Calls body with a value of the C++ type that `dtype` (checked by the caller) names.
template <typename Body> static inline void with_storage(int32_t dtype, Body &&body) {
  if (dtype == HS_BF16)
    body(Bf16{});
  else
    body(0.0f);
}

#endif
