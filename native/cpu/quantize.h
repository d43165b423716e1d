// Floats to bytes: q = x / scale + zero, clamped to 0..255 and rounded to the nearest.
#ifndef HALFSTEP_CPU_QUANTIZE_H
#define HALFSTEP_CPU_QUANTIZE_H

#include "vector.h"

struct ByteScale {
  float inverse; // 1 / scale
  float zero;
};

typedef uint8_t Bytes __attribute__((vector_size(kLanes)));

// Stores a vector as bytes, or (Tail) its first `lanes` elements.
template <bool Tail> HS_INLINE void put_bytes(uint8_t *to, Floats value, ByteScale scale, int lanes) {
  Floats q = value * scale.inverse + scale.zero;
  q = smaller_of(larger_of(q, splat(0.0f)), splat(255.0f)); // in the order that makes a NaN 0
  // Not negative, so that cutting off the fraction rounds down.
  const Bytes bytes = __builtin_convertvector(__builtin_convertvector(q + 0.5f, Ints), Bytes);
  __builtin_memcpy(to, &bytes, Tail ? static_cast<size_t>(lanes) : sizeof bytes);
}

#endif
