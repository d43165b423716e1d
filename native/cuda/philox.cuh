// Philox 4x32-10 (Salmon, Moraes, Dror, Shaw, 2011), a block of four words: the same words as on the CPU.
#ifndef HALFSTEP_CUDA_PHILOX_CUH
#define HALFSTEP_CUDA_PHILOX_CUH

#include "device.cuh"

static constexpr int64_t kPhiloxElements = int64_t{4} << 32; // a sample's block index has 32 bits

struct PhiloxKey {
  uint32_t low, high;
};

struct Words {
  uint32_t at[4];
};

__host__ __device__ inline PhiloxKey philox_key(uint64_t seed) {
  return {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)};
}

__device__ inline Words philox(PhiloxKey key, uint64_t sample, uint32_t draw, uint32_t block) {
  uint32_t c0 = block, c1 = draw, c2 = static_cast<uint32_t>(sample),
           c3 = static_cast<uint32_t>(sample >> 32);
#pragma unroll
  for (int round = 0; round < 10; round++) {
    const uint32_t high0 = __umulhi(0xD2511F53u, c0), low0 = 0xD2511F53u * c0;
    const uint32_t high1 = __umulhi(0xCD9E8D57u, c2), low1 = 0xCD9E8D57u * c2;
    c0 = high1 ^ c1 ^ key.low;
    c1 = low1;
    c2 = high0 ^ c3 ^ key.high;
    c3 = low0;
    key.low += 0x9E3779B9u;
    key.high += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

#endif
