// A register of floats as wide as the instruction set has, its loads from float32, bfloat16 and float16, and
// its stores to the first two.
#ifndef HALFSTEP_CPU_VECTOR_H
#define HALFSTEP_CPU_VECTOR_H

#include "storage.h"

#include <immintrin.h> // the maskz forms below avoid a false warning of GCC 12

#if defined(__AVX512F__)
#define HS_VECTOR_BYTES 64
#elif defined(__AVX2__)
#define HS_VECTOR_BYTES 32
#else
#define HS_VECTOR_BYTES 16
#endif

#define HS_INLINE static inline __attribute__((always_inline))
#define HS_INLINE_MEMBER inline __attribute__((always_inline))

typedef float Floats __attribute__((vector_size(HS_VECTOR_BYTES)));
typedef int32_t Ints __attribute__((vector_size(HS_VECTOR_BYTES)));
typedef uint32_t Words __attribute__((vector_size(HS_VECTOR_BYTES)));
typedef uint16_t Halves __attribute__((vector_size(HS_VECTOR_BYTES / 2)));

static constexpr int kLanes = HS_VECTOR_BYTES / 4;

// A broadcast, which costs nothing beside a load. (Floats{} + value would be an addition: 0 + -0 is not -0.)
HS_INLINE Floats splat(float value) {
#if defined(__AVX512F__)
  return _mm512_set1_ps(value);
#elif defined(__AVX2__)
  return _mm256_set1_ps(value);
#else
  return _mm_set1_ps(value);
#endif
}

HS_INLINE Floats load(const float *from) {
  Floats value;
  __builtin_memcpy(&value, from, sizeof value);
  return value;
}

HS_INLINE Floats load(const Bf16 *from) {
  Halves bits;
  __builtin_memcpy(&bits, from, sizeof bits);
#if defined(__AVX512F__)
  return (Floats)((Words)_mm512_maskz_cvtepu16_epi32(0xffff, (__m256i)bits) << 16);
#elif defined(__AVX2__)
  return (Floats)((Words)_mm256_cvtepu16_epi32((__m128i)bits) << 16);
#else
  return (Floats)(__builtin_convertvector(bits, Words) << 16);
#endif
}

HS_INLINE Floats load(const F16 *from) {
  Halves bits;
  __builtin_memcpy(&bits, from, sizeof bits);
#if defined(__AVX512F__)
  return _mm512_maskz_cvtph_ps(0xffff, (__m256i)bits);
#elif defined(__F16C__)
  return _mm256_cvtph_ps((__m128i)bits);
#else
  // The exponent's bias differs by 112; multiplying also normalises subnormal numbers.
  const Words words = __builtin_convertvector(bits, Words), magnitude = (words & 0x7fffu) << 13;
  const Words value = (Words)((Floats)magnitude * 0x1p112f);
  const Words special = magnitude >= 0x0f800000u ? Words{} + 0x7f800000u : Words{};
  return (Floats)(value | special | (words & 0x8000u) << 16);
#endif
}

HS_INLINE void store(float *to, Floats value) { __builtin_memcpy(to, &value, sizeof value); }

HS_INLINE void store(Bf16 *to, Floats value) {
  Words bits = (Words)value;
  Words rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  Words quiet_nan = (bits >> 16) | 0x40u;
  Words kept = value == value ? rounded : quiet_nan;
#if defined(__AVX512F__)
  Halves halves = (Halves)_mm512_maskz_cvtepi32_epi16(0xffff, (__m512i)kept);
#else
  Halves halves = __builtin_convertvector(kept, Halves);
#endif
  __builtin_memcpy(to, &halves, sizeof halves);
}

// Stores past the caches what is read much later; `to` is aligned to a vector.
HS_INLINE void stream(float *to, Floats value) {
#if defined(__AVX512F__)
  _mm512_stream_ps(to, value);
#elif defined(__AVX2__)
  _mm256_stream_ps(to, value);
#else
  _mm_stream_ps(to, value);
#endif
}

// Before other threads read what this one streamed.
HS_INLINE void finish_streams() { _mm_sfence(); }

// Keeps the compiler from merging what is done to a register before and after.
HS_INLINE void keep_in_register(Floats &value) { __asm__ volatile("" : "+x"(value)); }

// a > b ? a : b in each lane; b where either is a NaN.
HS_INLINE Floats larger_of(Floats a, Floats b) {
#if defined(__AVX512F__)
  return _mm512_maskz_max_ps(0xffff, a, b);
#elif defined(__AVX2__)
  return _mm256_max_ps(a, b);
#else
  return _mm_max_ps(a, b);
#endif
}

// a < b ? a : b in each lane; b where either is a NaN.
HS_INLINE Floats smaller_of(Floats a, Floats b) {
#if defined(__AVX512F__)
  return _mm512_maskz_min_ps(0xffff, a, b);
#elif defined(__AVX2__)
  return _mm256_min_ps(a, b);
#else
  return _mm_min_ps(a, b);
#endif
}

// The first `lanes` elements, the other lanes zero; what lies behind them is not touched.
template <typename T> HS_INLINE Floats load_first(const T *from, int lanes) {
  T part[kLanes] = {};
  __builtin_memcpy(part, from, sizeof(T) * lanes);
  return load(part);
}

template <typename T> HS_INLINE void store_first(T *to, Floats value, int lanes) {
  T part[kLanes];
  store(part, value);
  __builtin_memcpy(to, part, sizeof(T) * lanes);
}

// The number of each lane.
HS_INLINE Ints lane_numbers() {
  Ints lane = {};
  for (int k = 0; k < kLanes; k++)
    lane[k] = k;
  return lane;
}

// Copies of a number of bytes that the compiler does not know are calls; masks are not.
#if defined(__AVX512F__)
HS_INLINE Floats load_first(const float *from, int lanes) {
  return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << lanes) - 1), from);
}

HS_INLINE void store_first(float *to, Floats value, int lanes) {
  _mm512_mask_storeu_ps(to, static_cast<__mmask16>((1u << lanes) - 1), value);
}
#elif defined(__AVX2__)
HS_INLINE Floats load_first(const float *from, int lanes) {
  return _mm256_maskload_ps(from, (__m256i)(lane_numbers() < lanes));
}

HS_INLINE void store_first(float *to, Floats value, int lanes) {
  _mm256_maskstore_ps(to, (__m256i)(lane_numbers() < lanes), value);
}
#endif

// The first `lanes` lanes of a register, the others zero.
HS_INLINE Floats only_first(Floats value, int lanes) { return lane_numbers() < lanes ? value : Floats{}; }

// Loads and stores that are whole vectors, or (Tail) the first `lanes` of one.
template <bool Tail, typename T> HS_INLINE Floats fetch(const T *from, int lanes) {
  if constexpr (Tail)
    return load_first(from, lanes);
  else
    return load(from);
}

template <bool Tail, typename T> HS_INLINE void put(T *to, Floats value, int lanes) {
  if constexpr (Tail)
    store_first(to, value, lanes);
  else
    store(to, value);
}

// Calls body.operator()<Vectors, Tail>(offset, lanes) over `count` elements: blocks of four vectors, then
// single ones, then a part of one.
template <typename Body> static inline void for_vectors(int64_t count, Body &&body) {
  int64_t j = 0;
  for (; j + 4 * kLanes <= count; j += 4 * kLanes)
    body.template operator()<4, false>(j, kLanes);
  if (j + 2 * kLanes <= count) {
    body.template operator()<2, false>(j, kLanes);
    j += 2 * kLanes;
  }
  if (j + kLanes <= count) {
    body.template operator()<1, false>(j, kLanes);
    j += kLanes;
  }
  if (j < count)
    body.template operator()<1, true>(j, static_cast<int>(count - j));
}

static inline float horizontal_sum(Floats value) {
  for (int width = kLanes / 2; width > 0; width /= 2)
    for (int lane = 0; lane < width; lane++)
      value[lane] += value[lane + width];
  return value[0];
}

#endif
