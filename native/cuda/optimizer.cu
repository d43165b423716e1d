// One pass over parameters, gradients and moments: Adam and AdamW, with the exponential moving average and a
// bfloat16 copy.
//
// 38 bytes per parameter with the average and the copy (reads p, g, m, v, ema; writes p, m, v, ema and the
// copy), all of them in 16-byte accesses: the step is bound by memory.
#ifndef HS_CASES
#include "storage.cuh"

#include <math.h>

// Blocks that loop: what depends on the step is computed once in each.
static constexpr int64_t kOptimizerBlocks = 2048;

struct Adam {
  int64_t count;
  double beta1, beta2, weight_decay;
  float eps;
  bool decoupled;
  float *p;
  const float *g;
  float *m, *v, *ema;
  Bf16 *rounded;
};

// What one step multiplies with.
struct Factors {
  float scale, rate, root, shrink, fresh_ema;
  bool skip;
};

__device__ inline Factors factors_of(const Adam &adam, const hs_adam_values &values, float scale) {
  const double step = static_cast<double>(values.step);
  Factors factors;
  factors.scale = scale;
  factors.rate = static_cast<float>(values.lr / (1.0 - pow(adam.beta1, step)));
  factors.root = static_cast<float>(1.0 / sqrt(1.0 - pow(adam.beta2, step)));
  factors.shrink = adam.decoupled ? static_cast<float>(values.lr * adam.weight_decay) : 0.0f;
  factors.fresh_ema = static_cast<float>(1.0 - values.ema_decay);
  factors.skip = false;
  return factors;
}

template <int V> __device__ void update(const Adam &adam, const Factors &factors) {
  const float beta1 = static_cast<float>(adam.beta1), fresh1 = static_cast<float>(1.0 - adam.beta1);
  const float beta2 = static_cast<float>(adam.beta2), fresh2 = static_cast<float>(1.0 - adam.beta2);
  const float l2 = adam.decoupled ? 0.0f : static_cast<float>(adam.weight_decay);
  const auto one = [&](float &p, float g, float &m, float &v) {
    const float gradient = factors.scale * g + l2 * p;
    m = beta1 * m + fresh1 * gradient;
    v = beta2 * v + fresh2 * (gradient * gradient);
    const float decayed = p - factors.shrink * p; // exact where 1 - lr * decay would round to 1
    p = decayed - factors.rate * (m / (sqrtf(v) * factors.root + adam.eps));
  };
  const int64_t step = int64_t{gridDim.x} * blockDim.x * V;
  for (int64_t i = (int64_t{blockIdx.x} * blockDim.x + threadIdx.x) * V; i < adam.count; i += step) {
    if (i + V <= adam.count) {
      float p[V], g[V], m[V], v[V];
      load(adam.p + i, p);
      load(adam.g + i, g);
      load(adam.m + i, m);
      load(adam.v + i, v);
#pragma unroll
      for (int k = 0; k < V; k++)
        one(p[k], g[k], m[k], v[k]);
      store(adam.p + i, p);
      store(adam.m + i, m);
      store(adam.v + i, v);
      if (adam.ema != nullptr) {
        float ema[V];
        load(adam.ema + i, ema);
#pragma unroll
        for (int k = 0; k < V; k++)
          ema[k] += factors.fresh_ema * (p[k] - ema[k]);
        store(adam.ema + i, ema);
      }
      if (adam.rounded != nullptr)
        store(adam.rounded + i, p);
      continue;
    }
    for (int64_t j = i; j < adam.count; j++) {
      one(adam.p[j], adam.g[j], adam.m[j], adam.v[j]);
      if (adam.ema != nullptr)
        adam.ema[j] += factors.fresh_ema * (adam.p[j] - adam.ema[j]);
      if (adam.rounded != nullptr)
        adam.rounded[j] = from_float<Bf16>(adam.p[j]);
    }
  }
}

template <int V>
__global__ void adam_step(Adam adam, const hs_adam_values *values, const double *square_sum) {
  __shared__ Factors factors;
  if (threadIdx.x == 0) {
    const double norm = square_sum != nullptr ? sqrt(*square_sum) : 0.0;
    const bool clip = values->clip_norm > 0.0 && norm > values->clip_norm;
    factors = factors_of(adam, *values, clip ? static_cast<float>(values->clip_norm / norm) : 1.0f);
    factors.skip = !(norm - norm == 0.0); // infinite, or not a number
  }
  __syncthreads();
  if (!factors.skip)
    update<V>(adam, factors);
}

static bool valid(const struct hs_adam *args) {
  return args && args->count >= 0 && args->p && args->g && args->m && args->v && args->beta1 >= 0 &&
         args->beta1 < 1 && args->beta2 >= 0 && args->beta2 < 1 && args->eps >= 0;
}

static Adam adam_of(const hs_adam &args) {
  return {args.count,
          args.beta1,
          args.beta2,
          args.weight_decay,
          static_cast<float>(args.eps),
          args.decoupled != 0,
          args.p,
          args.g,
          args.m,
          args.v,
          args.ema,
          static_cast<Bf16 *>(args.p_bf16)};
}

static bool packs_of(const hs_adam &args) {
  return aligned(args.p, args.g, args.m, args.v, args.ema) && aligned(args.p_bf16);
}

static unsigned optimizer_blocks(int64_t count) {
  return static_cast<unsigned>(smaller(kOptimizerBlocks, ceil_div(count, 4 * kThreads)));
}

int hs_adam_step(hs_stream stream, const struct hs_adam *args) {
  HS_REQUIRE(valid(args) && args->values);
  return launch(packs_of(*args) ? adam_step<4> : adam_step<1>, optimizer_blocks(args->count), kThreads, 0,
                stream, adam_of(*args), args->values, args->square_sum);
}

#else // ---- What is compared with the CPU's ----------------------------------------------------------------
#include "test/harness.h"

static void optimizer(const Check &check, int64_t count, int32_t decoupled) {
  check(name_of("optimizer", HS_F32, {count, decoupled}), [=](Side &s) {
    struct hs_adam a = {.count = count, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .weight_decay = 0.1};
    a.decoupled = decoupled;
    a.p = s.floats(count, 1);
    a.g = s.floats(count, 2);
    a.m = s.floats(count, 3, 0.1f);
    a.v = s.put(std::vector<float>(static_cast<size_t>(count), 0.5f));
    a.ema = s.floats(count, 5);
    a.p_bf16 = s.output(HS_BF16, count);
    a.values = s.put(std::vector<struct hs_adam_values>{{3, 1e-3, 0.9, 0.0}});
    HS_CALL(s, hs_adam_step, a); // not clipped
    a.values = s.put(std::vector<struct hs_adam_values>{{4, 2e-3, 0.8, 1.0}});
    a.square_sum = s.put(std::vector<double>{1.01 * static_cast<double>(count)});
    HS_CALL(s, hs_adam_step, a); // clipped
    s.read("parameters", a.p, HS_F32, count);
    s.read("m", a.m, HS_F32, count);
    s.read("v", a.v, HS_F32, count);
    s.read("bf16", a.p_bf16, HS_BF16, count);
    s.read("average", a.ema, HS_F32, count);
  });
}

static const Cases cases([](const Check &check) {
  optimizer(check, 9001, 0);
  optimizer(check, 8192, 1);
});
#endif
