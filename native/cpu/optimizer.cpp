// One pass over parameters, gradients and moments: Adam and AdamW, with the exponential moving average.
#include "parallel.h"
#include "storage.h"
#include "variant.h"

#include <math.h>

static constexpr int64_t kBlock = 4096;

static bool valid(const struct hs_adam *args) {
  return args && args->count >= 0 && args->p && args->g && args->m && args->v && args->beta1 >= 0 &&
         args->beta1 < 1 && args->beta2 >= 0 && args->beta2 < 1 && args->eps >= 0;
}

static void adam(const hs_adam &args, const hs_adam_values &values, float scale) {
  float *const p = args.p, *const m = args.m, *const v = args.v, *const ema = args.ema;
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
  parallel_blocks(args.count, kBlock, [=](int64_t begin, int64_t end) {
#pragma omp simd
    for (int64_t i = begin; i < end; i++) {
      const float gradient = scale * g[i] + l2 * p[i];
      const float first = beta1 * m[i] + fresh1 * gradient;
      const float second = beta2 * v[i] + fresh2 * (gradient * gradient);
      m[i] = first;
      v[i] = second;
      const float decayed = p[i] - shrink * p[i]; // exact where 1 - lr * decay would round to 1
      p[i] = decayed - rate * (first / (sqrtf(second) * root + eps));
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
  adam(*args, values, clip ? static_cast<float>(values.clip_norm / norm) : 1.0f);
  return HS_OK;
}
