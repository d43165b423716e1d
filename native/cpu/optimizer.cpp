// One pass over parameters, gradients and moments: Adam and AdamW, with the exponential moving average.
#include "parallel.h"
#include "philox.h"
#include "storage.h"
#include "variant.h"

#include <math.h>

static constexpr int64_t kBlock = 4096; // whole batches of random words
static_assert(kBlock % kPhiloxWords == 0);

static bool valid(const struct hs_adam *args) {
  return args && args->count >= 0 && args->p && args->g && args->m && args->v && args->beta1 >= 0 &&
         args->beta1 < 1 && args->beta2 >= 0 && args->beta2 < 1 && args->eps >= 0 &&
         (args->state == HS_F32 || (args->state == HS_BF16 && args->count <= kPhiloxElements));
}

// A bfloat16 next to a number that is not negative: the one above with the probability of what is cut off.
static inline float rounded_at_random(float value, uint32_t word) {
  uint32_t bits;
  __builtin_memcpy(&bits, &value, sizeof bits);
  bits = (bits + (word & 0xffffu)) & 0xffff0000u;
  __builtin_memcpy(&value, &bits, sizeof bits);
  return value;
}

template <typename T> static void adam(const hs_adam &args, const hs_adam_values &values, float scale) {
  constexpr bool kRounds = sizeof(T) < sizeof(float);
  float *const p = args.p, *const ema = args.ema;
  T *const m = static_cast<T *>(args.m), *const v = static_cast<T *>(args.v);
  const float *const g = args.g;
  Bf16 *const rounded = static_cast<Bf16 *>(args.p_bf16);
  const double step = static_cast<double>(values.step);
  const float beta1 = static_cast<float>(args.beta1), fresh1 = static_cast<float>(1.0 - args.beta1);
  const float beta2 = static_cast<float>(args.beta2), fresh2 = static_cast<float>(1.0 - args.beta2);
  const float rate = static_cast<float>(values.lr / (1.0 - pow(args.beta1, step)));
  const float root = static_cast<float>(1.0 / sqrt(1.0 - pow(args.beta2, step)));
  const float eps = static_cast<float>(args.eps);
  const float l2 = args.decoupled ? 0.0f : static_cast<float>(args.weight_decay);
  const float shrink = args.decoupled ? static_cast<float>(values.lr * args.weight_decay) : 0.0f;
  const float fresh_ema = static_cast<float>(1.0 - values.ema_decay);
  const PhiloxKey key = philox_key(args.seed);
  const uint64_t sample = static_cast<uint64_t>(values.step);
  const auto range = [=](int64_t begin, int64_t end, const uint32_t *words) {
#pragma omp simd
    for (int64_t i = begin; i < end; i++) {
      const float gradient = scale * g[i] + l2 * p[i];
      const float first = beta1 * to_float(m[i]) + fresh1 * gradient;
      const float second = beta2 * to_float(v[i]) + fresh2 * (gradient * gradient);
      m[i] = from_float<T>(first);
      if constexpr (kRounds)
        v[i] = from_float<T>(rounded_at_random(second, words[i - begin]));
      else
        v[i] = second;
      const float decayed = p[i] - shrink * p[i]; // exact where 1 - lr * decay would round to 1
      p[i] = decayed - rate * (first / (sqrtf(second) * root + eps));
    }
  };
  parallel_blocks(args.count, kBlock, [=](int64_t begin, int64_t end) {
    if constexpr (kRounds) {
      alignas(64) uint32_t words[kPhiloxWords];
      for (int64_t i = begin; i < end; i += kPhiloxWords) {
        philox_batch(key, sample, 0, static_cast<uint32_t>(i / 4), words);
        range(i, smaller(i + kPhiloxWords, end), words);
      }
    } else {
      range(begin, end, nullptr);
    }
    if (ema != nullptr) {
#pragma omp simd
      for (int64_t i = begin; i < end; i++)
        ema[i] += fresh_ema * (p[i] - ema[i]);
    }
    if (rounded != nullptr)
      for (int64_t i = begin; i < end; i++)
        rounded[i] = from_float<Bf16>(p[i]);
  });
}

HS_KERNEL(hs_adam_step)(hs_stream, const struct hs_adam *args) {
  HS_REQUIRE(valid(args) && args->values && args->values->step >= 1);
  const hs_adam_values &values = *args->values;
  const double norm = args->square_sum ? sqrt(*args->square_sum) : 0.0;
  if (!__builtin_isfinite(norm))
    return HS_OK;
  const bool clip = values.clip_norm > 0 && norm > values.clip_norm;
  const float scale = clip ? static_cast<float>(values.clip_norm / norm) : 1.0f;
  if (args->state == HS_BF16)
    adam<Bf16>(*args, values, scale);
  else
    adam<float>(*args, values, scale);
  return HS_OK;
}
