// Floats to bytes: q = x / scale + zero, clamped to 0..255 and rounded to the nearest.
#ifndef HALFSTEP_CPU_QUANTIZE_H
#define HALFSTEP_CPU_QUANTIZE_H

#include "vector.h"

struct ByteScale {
  float inverse; // 1 / scale
  float offset;  // the zero point and a half, so that cutting off the fraction rounds

  ByteScale(float scale, float zero) : inverse(1.0f / scale), offset(zero + 0.5f) {}
};

typedef uint8_t Bytes __attribute__((vector_size(kLanes)));

// Stores a vector as bytes, or (Tail) its first `lanes` elements.
template <bool Tail> HS_INLINE void put_bytes(uint8_t *to, Floats value, ByteScale scale, int lanes) {
  constexpr float kLast = 255.5f; // becomes 255
  Floats q = value * scale.inverse + scale.offset;
  q = smaller_of(larger_of(q, splat(0.0f)), splat(kLast)); // in the order that makes a NaN 0
  const Bytes bytes = __builtin_convertvector(__builtin_convertvector(q, Ints), Bytes);
  __builtin_memcpy(to, &bytes, Tail ? static_cast<size_t>(lanes) : sizeof bytes);
}

#endif
