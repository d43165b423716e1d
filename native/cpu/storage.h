// The storage types of activations: float32 and bfloat16.
#ifndef HALFSTEP_CPU_STORAGE_H
#define HALFSTEP_CPU_STORAGE_H

#include "halfstep.h"

struct Bf16 {
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

static inline bool is_dtype(int32_t dtype) { return dtype == HS_F32 || dtype == HS_BF16; }

// Calls body with a value of the C++ type that `dtype` (checked by the caller) names.
template <typename Body> static inline void with_storage(int32_t dtype, Body &&body) {
  if (dtype == HS_BF16)
    body(Bf16{});
  else
    body(0.0f);
}

#endif
