// Philox 4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", 2011), a batch
// of blocks at a time.
#ifndef HALFSTEP_CPU_PHILOX_H
#define HALFSTEP_CPU_PHILOX_H

#include "parallel.h"

static constexpr int kPhiloxBatch = 64;                      // blocks computed together
static constexpr int kPhiloxWords = 4 * kPhiloxBatch;        // words, and so elements, of a batch
static constexpr int64_t kPhiloxElements = int64_t{4} << 32; // a sample's block index has 32 bits

struct PhiloxKey {
  uint32_t low, high;
};

static inline PhiloxKey philox_key(uint64_t seed) {
  return {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)};
}

// A key of its own for each dropout layer, so that its mask shares nothing with the noise drawn for the same
// sample.
static inline PhiloxKey dropout_key(uint64_t seed, uint32_t layer) {
  return {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32) ^ (0x9E3779B9u * (layer + 1u))};
}

// words[4 k + w]: word w of block first + k. All kPhiloxBatch blocks are computed.
static inline void philox_batch(PhiloxKey key, uint64_t sample, uint32_t draw, uint32_t first,
                                uint32_t *words) {
  uint32_t w0[kPhiloxBatch], w1[kPhiloxBatch], w2[kPhiloxBatch], w3[kPhiloxBatch];
#pragma omp simd
  for (int k = 0; k < kPhiloxBatch; k++) {
    uint32_t c0 = first + static_cast<uint32_t>(k), c1 = draw;
    uint32_t c2 = static_cast<uint32_t>(sample), c3 = static_cast<uint32_t>(sample >> 32);
    uint32_t k0 = key.low, k1 = key.high;
#pragma GCC unroll 10
    for (int round = 0; round < 10; round++) {
      const uint64_t product0 = static_cast<uint64_t>(0xD2511F53u) * c0;
      const uint64_t product1 = static_cast<uint64_t>(0xCD9E8D57u) * c2;
      c0 = static_cast<uint32_t>(product1 >> 32) ^ c1 ^ k0;
      c1 = static_cast<uint32_t>(product1);
      c2 = static_cast<uint32_t>(product0 >> 32) ^ c3 ^ k1;
      c3 = static_cast<uint32_t>(product0);
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    w0[k] = c0;
    w1[k] = c1;
    w2[k] = c2;
    w3[k] = c3;
  }
  for (int k = 0; k < kPhiloxBatch; k++) {
    words[4 * k] = w0[k];
    words[4 * k + 1] = w1[k];
    words[4 * k + 2] = w2[k];
    words[4 * k + 3] = w3[k];
  }
}

// Calls body(i, element, words, count) over all elements of all samples, at most kPhiloxWords at a time;
// words[k] belongs to element + k. The array holds kPhiloxWords words also where count is less.
template <typename Body>
static inline void philox_samples(PhiloxKey key, const int64_t *sample_ids, uint32_t draw, int64_t n,
                                  int64_t per_sample, Body &&body) {
  const int64_t batches = ceil_div(per_sample, kPhiloxWords);
  parallel_items(n * batches, 4 * n * per_sample, [=](int64_t item) {
    alignas(64) uint32_t words[kPhiloxWords];
    const int64_t i = item / batches;
    const int64_t batch = item % batches;
    philox_batch(key, static_cast<uint64_t>(sample_ids[i]), draw, static_cast<uint32_t>(batch * kPhiloxBatch),
                 words);
    const int64_t element = batch * kPhiloxWords;
    body(i, element, words, static_cast<int>(smaller(kPhiloxWords, per_sample - element)));
  });
}

#endif
