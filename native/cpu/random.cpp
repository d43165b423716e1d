// Uniform and normal numbers from Philox: element e of sample s depends on (seed, s, draw, e) alone.
#include "philox.h"
#include "storage.h"
#include "variant.h"

#include <math.h>

static constexpr double kUnit = 1.0 / 4294967296.0; // 2^-32

HS_KERNEL(hs_philox_uniform)
(hs_stream, float *y, uint64_t seed, const int64_t *sample_ids, uint32_t draw, int64_t n,
 int64_t per_sample) {
  HS_REQUIRE(y && sample_ids && n >= 0 && per_sample >= 0 && per_sample <= kPhiloxElements);
  philox_samples(philox_key(seed), sample_ids, draw, n, per_sample,
                 [=](int64_t i, int64_t element, const uint32_t *words, int count) {
                   float *out = y + i * per_sample + element;
#pragma omp simd
                   for (int k = 0; k < count; k++)
                     out[k] = static_cast<float>((words[k] + 0.5) * kUnit);
                 });
  return HS_OK;
}

// Box-Muller: two normal numbers from two words.
static inline void normal_pair(uint32_t w0, uint32_t w1, float *even, float *odd) {
  const double radius = sqrt(-2.0 * log((w0 + 0.5) * kUnit));
  const double angle = 2.0 * M_PI * ((w1 + 0.5) * kUnit);
  *even = static_cast<float>(radius * cos(angle));
  *odd = static_cast<float>(radius * sin(angle));
}

HS_KERNEL(hs_philox_normal)
(hs_stream, void *y, uint64_t seed, const int64_t *sample_ids, uint32_t draw, int64_t n, int64_t per_sample,
 int32_t dtype) {
  HS_REQUIRE(y && sample_ids && n >= 0 && per_sample >= 0 && per_sample <= kPhiloxElements &&
             is_dtype(dtype));
  with_storage(dtype, [&](auto storage) {
    using T = decltype(storage);
    T *to = static_cast<T *>(y);
    philox_samples(philox_key(seed), sample_ids, draw, n, per_sample,
                   [=](int64_t i, int64_t element, const uint32_t *words, int count) {
                     float values[kPhiloxWords];
                     for (int k = 0; k < count; k += 2)
                       normal_pair(words[k], words[k + 1], values + k, values + k + 1);
                     T *out = to + i * per_sample + element;
                     for (int k = 0; k < count; k++)
                       out[k] = from_float<T>(values[k]);
                   });
  });
  return HS_OK;
}

HS_KERNEL(hs_philox_normal_from)
(hs_stream stream, void *y, const void *key, const int64_t *sample_ids, int64_t n, int64_t per_sample,
 int32_t dtype) {
  HS_REQUIRE(key);
  uint64_t seed;
  uint32_t draw;
  __builtin_memcpy(&seed, key, sizeof seed);
  __builtin_memcpy(&draw, static_cast<const char *>(key) + sizeof seed, sizeof draw);
  return HS_NAME(hs_philox_normal)(stream, y, seed, sample_ids, draw, n, per_sample, dtype);
}
