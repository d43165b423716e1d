// The storage types of activations, float32 and bfloat16, and accesses of up to 16 bytes that convert from
// and to float.
#ifndef HALFSTEP_CUDA_STORAGE_CUH
#define HALFSTEP_CUDA_STORAGE_CUH

#include "device.cuh"

struct Bf16 {
  uint16_t bits;
};

__device__ inline float to_float(float value) { return value; }
__device__ inline float to_float(Bf16 value) {
  return __uint_as_float(static_cast<unsigned>(value.bits) << 16);
}

// Two values rounded to nearest even: `low` in the lower half. A NaN stays one.
__device__ inline unsigned bf16_pair(float low, float high) {
#ifdef __CUDA_ARCH__
  unsigned pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
#else
  const auto rounded = [](float value) {
    const unsigned bits = __float_as_uint(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u)
      return (bits >> 16) | 0x40u;
    return (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  };
  return rounded(low) | rounded(high) << 16;
#endif
}

template <typename T> __device__ inline T from_float(float value);
template <> __device__ inline float from_float<float>(float value) { return value; }
template <> __device__ inline Bf16 from_float<Bf16>(float value) {
  return Bf16{static_cast<uint16_t>(bf16_pair(value, 0.0f))};
}

// ---- Accesses of V elements, aligned to their size --------------------------------------------------------

template <typename Word> __device__ inline Word load_word(const void *from) {
#ifndef __CUDACC__
  fibers::require_aligned(from, sizeof(Word));
#endif
  return *static_cast<const Word *>(from);
}

template <typename Word> __device__ inline void store_word(void *to, Word word) {
#ifndef __CUDACC__
  fibers::require_aligned(to, sizeof(Word));
#endif
  *static_cast<Word *>(to) = word;
}

__device__ inline float low_half(unsigned pair) { return __uint_as_float(pair << 16); }
__device__ inline float high_half(unsigned pair) { return __uint_as_float(pair & 0xffff0000u); }

template <typename T> __device__ inline void load(const T *from, float (&to)[1]) { to[0] = to_float(*from); }

__device__ inline void load(const float *from, float (&to)[4]) {
  const uint4 word = load_word<uint4>(from);
  to[0] = __uint_as_float(word.x);
  to[1] = __uint_as_float(word.y);
  to[2] = __uint_as_float(word.z);
  to[3] = __uint_as_float(word.w);
}

__device__ inline void load(const Bf16 *from, float (&to)[4]) {
  const uint2 word = load_word<uint2>(from);
  to[0] = low_half(word.x);
  to[1] = high_half(word.x);
  to[2] = low_half(word.y);
  to[3] = high_half(word.y);
}

__device__ inline void load(const Bf16 *from, float (&to)[8]) {
  const uint4 word = load_word<uint4>(from);
  to[0] = low_half(word.x);
  to[1] = high_half(word.x);
  to[2] = low_half(word.y);
  to[3] = high_half(word.y);
  to[4] = low_half(word.z);
  to[5] = high_half(word.z);
  to[6] = low_half(word.w);
  to[7] = high_half(word.w);
}

__device__ inline void load(const float *from, float (&to)[8]) { // beside eight bfloat16
  float half[4];
  for (int part = 0; part < 2; part++) {
    load(from + 4 * part, half);
    for (int k = 0; k < 4; k++)
      to[4 * part + k] = half[k];
  }
}

template <typename T> __device__ inline void store(T *to, const float (&from)[1]) {
  *to = from_float<T>(from[0]);
}

__device__ inline void store(float *to, const float (&from)[4]) {
  store_word(to, uint4{__float_as_uint(from[0]), __float_as_uint(from[1]), __float_as_uint(from[2]),
                       __float_as_uint(from[3])});
}

__device__ inline void store(Bf16 *to, const float (&from)[4]) {
  store_word(to, uint2{bf16_pair(from[0], from[1]), bf16_pair(from[2], from[3])});
}

__device__ inline void store(Bf16 *to, const float (&from)[8]) {
  store_word(to, uint4{bf16_pair(from[0], from[1]), bf16_pair(from[2], from[3]), bf16_pair(from[4], from[5]),
                       bf16_pair(from[6], from[7])});
}

// ---- The choice of type and width -------------------------------------------------------------------------

template <int Elements> struct Width { static constexpr int value = Elements; };

// Whether every address is aligned to 16 bytes.
template <typename... Addresses> inline bool aligned(const Addresses *...addresses) {
  return ((reinterpret_cast<uintptr_t>(addresses) % 16 == 0) && ...);
}

inline int64_t elements_of_16_bytes(int32_t dtype) { return dtype == HS_BF16 ? 8 : 4; }

// body(a value of the C++ type that dtype names, the elements of one access): 16 bytes where `packs`, else
// one.
template <typename Body> inline int with_pack(int32_t dtype, bool packs, Body &&body) {
  if (dtype == HS_BF16)
    return packs ? body(Bf16{}, Width<8>{}) : body(Bf16{}, Width<1>{});
  return packs ? body(0.0f, Width<4>{}) : body(0.0f, Width<1>{});
}

// body(a value of the C++ type that dtype names).
template <typename Body> inline int with_storage(int32_t dtype, Body &&body) {
  return dtype == HS_BF16 ? body(Bf16{}) : body(0.0f);
}

#endif
