// Normal numbers and dropout from Philox 4x32-10 (Salmon, Moraes, Dror, Shaw, 2011). A thread
// computes one block of four words, the same words as on the CPU.
#ifndef HS_CASES
#include "philox.cuh"
#include "storage.cuh"

#include <math.h>

static constexpr double kUnit = 1.0 / 4294967296.0; // 2^-32

// Calls body(index of the first element, words, how many of the four there are) for this thread's blocks.
// gridDim.y strides over the samples.
template <typename Body>
__device__ inline void for_words(PhiloxKey key, const int64_t *sample_ids, uint32_t draw, int64_t n,
                                 int64_t per_sample, Body &&body) {
  const int64_t blocks = ceil_div(per_sample, 4), step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t i = blockIdx.y; i < n; i += gridDim.y) {
    const uint64_t sample = static_cast<uint64_t>(sample_ids[i]);
    for (int64_t block = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; block < blocks; block += step) {
      const int count = static_cast<int>(smaller(4, per_sample - 4 * block));
      body(i * per_sample + 4 * block, philox(key, sample, draw, static_cast<uint32_t>(block)), count);
    }
  }
}

static dim3 grid_for(int64_t n, int64_t per_sample) {
  constexpr int64_t kMaxGridY = 65535;
  return dim3(blocks_for(ceil_div(per_sample, 4)), static_cast<unsigned>(smaller(n, kMaxGridY)));
}

template <typename T, bool Pack>
__device__ inline void store_up_to_4(T *to, const float (&values)[4], int count) {
  if constexpr (Pack) {
    store(to, values);
  } else {
    for (int k = 0; k < count; k++)
      to[k] = from_float<T>(values[k]);
  }
}

// Box-Muller: two normal numbers from two words.
__device__ inline void normal_pair(uint32_t w0, uint32_t w1, float &even, float &odd) {
  const double radius = sqrt(-2.0 * log((w0 + 0.5) * kUnit));
  const double angle = 2.0 * 3.14159265358979323846 * ((w1 + 0.5) * kUnit);
  even = static_cast<float>(radius * cos(angle));
  odd = static_cast<float>(radius * sin(angle));
}

struct KeyAndDraw {
  uint64_t seed;
  uint32_t draw;
};

template <typename T, bool Pack>
__global__ void normal(T *y, const KeyAndDraw *key, const int64_t *sample_ids, int64_t n,
                       int64_t per_sample) {
  for_words(philox_key(key->seed), sample_ids, key->draw, n, per_sample,
            [=](int64_t at, const Words &words, int count) {
              float values[4];
              normal_pair(words.at[0], words.at[1], values[0], values[1]);
              normal_pair(words.at[2], words.at[3], values[2], values[3]);
              store_up_to_4<T, Pack>(y + at, values, count);
            });
}

int hs_philox_normal(hs_stream stream, const struct hs_philox_normal *args) {
  HS_REQUIRE(args && args->y && args->key && args->sample_ids && args->n >= 0 && args->per_sample >= 0 &&
             args->per_sample <= kPhiloxElements && is_dtype(args->dtype));
  HS_REQUIRE(reinterpret_cast<uintptr_t>(args->key) % alignof(KeyAndDraw) == 0);
  const bool packs = aligned(args->y) && args->per_sample % 4 == 0;
  return with_storage(args->dtype, [&](auto storage) {
    using T = decltype(storage);
    return launch(packs ? normal<T, true> : normal<T, false>, grid_for(args->n, args->per_sample), kThreads,
                  0, stream, static_cast<T *>(args->y), static_cast<const KeyAndDraw *>(args->key),
                  args->sample_ids, args->n, args->per_sample);
  });
}

// ---- Dropout ----------------------------------------------------------------------------------------------

struct Dropout {
  PhiloxKey key; // a layer's own
  uint32_t threshold;
  float kept; // factor of what is not dropped
};

template <typename T, bool Pack>
__global__ void drop_out(const T *x, T *y, Dropout dropout, const int64_t *sample_ids, const uint32_t *draw,
                         int64_t n, int64_t per_sample) {
  for_words(dropout.key, sample_ids, *draw, n, per_sample, [=](int64_t at, const Words &words, int count) {
    float values[4] = {};
    if constexpr (Pack)
      load(x + at, values);
    else
      for (int k = 0; k < count; k++)
        values[k] = to_float(x[at + k]);
#pragma unroll
    for (int k = 0; k < 4; k++)
      values[k] = words.at[k] < dropout.threshold ? 0.0f : values[k] * dropout.kept;
    store_up_to_4<T, Pack>(y + at, values, count);
  });
}

int hs_dropout(hs_stream stream, const struct hs_dropout *args) {
  HS_REQUIRE(args && args->x && args->y && args->sample_ids && args->draw && args->p >= 0 && args->p < 1 &&
             args->n >= 0 && args->per_sample >= 0 && args->per_sample <= kPhiloxElements &&
             is_dtype(args->dtype));
  const PhiloxKey key = philox_key(args->seed);
  const double p = static_cast<double>(args->p);
  const Dropout dropout = {{key.low, key.high ^ (0x9E3779B9u * (args->layer + 1u))},
                           static_cast<uint32_t>(p * 4294967296.0),
                           static_cast<float>(1.0 / (1.0 - p))};
  const bool packs = aligned(args->x, args->y) && args->per_sample % 4 == 0;
  return with_storage(args->dtype, [&](auto storage) {
    using T = decltype(storage);
    return launch(packs ? drop_out<T, true> : drop_out<T, false>, grid_for(args->n, args->per_sample),
                  kThreads, 0, stream, static_cast<const T *>(args->x), static_cast<T *>(args->y), dropout,
                  args->sample_ids, args->draw, args->n, args->per_sample);
  });
}

#else // ---- What is compared with the CPU's ----------------------------------------------------------------
#include "test/harness.h"

static void random_numbers(const Check &check, int32_t dtype, int64_t each) {
  check(name_of("random", dtype, {each}), [=](Side &s) {
    const int64_t n = 3;
    const int64_t *ids = s.put(std::vector<int64_t>{7, 0x123456789a, -1});
    const uint32_t *draw = s.put(std::vector<uint32_t>{11});
    const uint64_t *key = s.put(std::vector<uint64_t>{0x0123456789abcdef, 5});
    void *y = s.output(dtype, n * each);
    HS_RUN(s, hs_philox_normal, .n = n, .per_sample = each, .dtype = dtype, .y = y, .key = key,
           .sample_ids = ids);
    s.read("normal", y, dtype, n * each);
    HS_RUN(s, hs_dropout, .n = n, .per_sample = each, .seed = 99, .layer = 2, .p = 0.3f, .dtype = dtype,
           .x = s.numbers(dtype, n * each, 2), .y = y, .sample_ids = ids, .draw = draw);
    s.read("dropout", y, dtype, n * each, 1e-30); // the very same bits
  });
}

static const Cases cases([](const Check &check) {
  for (int32_t dtype : {HS_F32, HS_BF16}) {
    random_numbers(check, dtype, 777);
    random_numbers(check, dtype, 1024);
  }
});
#endif
