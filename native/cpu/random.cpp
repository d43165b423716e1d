// Normal numbers from Philox: element e of sample s depends on (seed, s, draw, e) alone.
#include "philox.h"
#include "storage.h"
#include "variant.h"

#include <math.h>

static constexpr double kUnit = 1.0 / 4294967296.0; // 2^-32

// ---- Box-Muller -------------------------------------------------------------------------------------------
// Written without calls and branches, so that the compiler runs it along whole vectors.

// ln x for a positive normal number: x = 2^e m, m in [sqrt(1/2), sqrt(2)); ln m = 2 artanh s, s = (m - 1) /
// (m + 1), by its series.
static inline double natural_log(double x) {
  constexpr uint64_t kOne = 0x3ff0000000000000, kRootHalf = 0x3fe6a09e667f3bcd; // as bits
  constexpr uint64_t kExponent = 0xfff0000000000000, kTwo52 = 0x4330000000000000;
  const uint64_t bits = __builtin_bit_cast(uint64_t, x);
  const uint64_t shifted = bits + (kOne - kRootHalf);
  const double e = __builtin_bit_cast(double, kTwo52 | (shifted >> 52)) - (4503599627370496.0 + 1023.0);
  const double m = __builtin_bit_cast(double, bits - (shifted & kExponent) + kOne);
  const double s = (m - 1.0) / (m + 1.0), z = s * s;
  double p = 2.0 / 21.0;
  p = p * z + 2.0 / 19.0;
  p = p * z + 2.0 / 17.0;
  p = p * z + 2.0 / 15.0;
  p = p * z + 2.0 / 13.0;
  p = p * z + 2.0 / 11.0;
  p = p * z + 2.0 / 9.0;
  p = p * z + 2.0 / 7.0;
  p = p * z + 2.0 / 5.0;
  p = p * z + 2.0 / 3.0;
  return e * M_LN2 + (2.0 * s + s * z * p);
}

// sin x and cos x for |x| <= pi / 4, by their series.
static inline double sine(double x) {
  const double z = x * x;
  double p = -1.0 / 1307674368000.0;
  p = p * z + 1.0 / 6227020800.0;
  p = p * z - 1.0 / 39916800.0;
  p = p * z + 1.0 / 362880.0;
  p = p * z - 1.0 / 5040.0;
  p = p * z + 1.0 / 120.0;
  p = p * z - 1.0 / 6.0;
  return x + x * z * p;
}

static inline double cosine(double x) {
  const double z = x * x;
  double p = 1.0 / 20922789888000.0;
  p = p * z - 1.0 / 87178291200.0;
  p = p * z + 1.0 / 479001600.0;
  p = p * z - 1.0 / 3628800.0;
  p = p * z + 1.0 / 40320.0;
  p = p * z - 1.0 / 720.0;
  p = p * z + 1.0 / 24.0;
  p = p * z - 0.5;
  return 1.0 + z * p;
}

// word + 0.5, exactly; by a signed conversion, which every instruction set level has for vectors.
static inline double centred(uint32_t word) {
  return static_cast<double>(static_cast<int32_t>(word ^ 0x80000000u)) + 2147483648.5;
}

// Two normal numbers from two words. The angle's whole quarter turns are taken off exactly.
static inline void normal_pair(uint32_t w0, uint32_t w1, float *even, float *odd) {
  const double radius = sqrt(-2.0 * natural_log(centred(w0) * kUnit));
  constexpr double kRounder =
      6755399441055744.0; // 1.5 * 2^52: adding it leaves the nearest integer in the low bits
  const double turns = centred(w1) * (4.0 * kUnit);
  const double rounded = turns + kRounder;
  const double rest = (turns - (rounded - kRounder)) * M_PI_2;
  const uint64_t quarter = __builtin_bit_cast(uint64_t, rounded);
  const double s = sine(rest), c = cosine(rest);
  const double x = (quarter & 1) != 0 ? s : c, y = (quarter & 1) != 0 ? c : s;
  *even = static_cast<float>(radius * (((quarter + 1) & 2) != 0 ? -x : x));
  *odd = static_cast<float>(radius * ((quarter & 2) != 0 ? -y : y));
}

HS_KERNEL(hs_philox_normal)(hs_stream, const struct hs_philox_normal *args) {
  HS_REQUIRE(args && args->y && args->key && args->sample_ids && args->n >= 0 && args->per_sample >= 0 &&
             args->per_sample <= kPhiloxElements && is_dtype(args->dtype));
  const int64_t per_sample = args->per_sample;
  uint64_t seed;
  uint32_t draw;
  __builtin_memcpy(&seed, args->key, sizeof seed);
  __builtin_memcpy(&draw, static_cast<const char *>(args->key) + sizeof seed, sizeof draw);
  with_storage(args->dtype, [&](auto storage) {
    using T = decltype(storage);
    T *to = static_cast<T *>(args->y);
    philox_samples(philox_key(seed), args->sample_ids, draw, args->n, per_sample,
                   [=](int64_t i, int64_t element, const uint32_t *words, int count) {
                     alignas(64) float values[kPhiloxWords];
#pragma omp simd
                     for (int k = 0; k < kPhiloxWords; k += 2)
                       normal_pair(words[k], words[k + 1], values + k, values + k + 1);
                     T *out = to + i * per_sample + element;
                     for (int k = 0; k < count; k++)
                       out[k] = from_float<T>(values[k]);
                   });
  });
  return HS_OK;
}
