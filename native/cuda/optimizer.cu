// One pass over parameters, gradients and moments: Adam and AdamW, with the exponential moving average and a
// bfloat16 copy.
//
// 38 bytes per parameter with the average and the copy (reads p, g, m, v, ema; writes p, m, v, ema and the
// copy), all of them in 16-byte accesses: the step is bound by memory. Moments in bfloat16 take 8 bytes less.
#ifndef HS_CASES
#include "philox.cuh"
#include "storage.cuh"

#include <math.h>

// Blocks that loop: what depends on the step is computed once in each.
static constexpr int64_t kOptimizerBlocks = 2048;

// Moments of type T.
template <typename T> struct Adam {
  int64_t count;
  double beta1, beta2, weight_decay;
  float eps;
  bool decoupled;
  float *p;
  const float *g;
  T *m, *v;
  float *ema;
  Bf16 *rounded;
  uint64_t seed;
};

// What one step multiplies with.
struct Factors {
  float scale, rate, root, shrink, fresh_ema;
  uint64_t step;
  bool skip;
};

template <typename T>
__device__ inline Factors factors_of(const Adam<T> &adam, const hs_adam_values &values, float scale) {
  const double step = static_cast<double>(values.step);
  Factors factors;
  factors.scale = scale;
  factors.rate = static_cast<float>(values.lr / (1.0 - pow(adam.beta1, step)));
  factors.root = static_cast<float>(1.0 / sqrt(1.0 - pow(adam.beta2, step)));
  factors.shrink = adam.decoupled ? static_cast<float>(values.lr * adam.weight_decay) : 0.0f;
  factors.fresh_ema = static_cast<float>(1.0 - values.ema_decay);
  factors.step = static_cast<uint64_t>(values.step);
  factors.skip = false;
  return factors;
}

// A bfloat16 next to a number that is not negative: the one above with the probability of what is cut off.
__device__ inline float rounded_at_random(float value, uint32_t word) {
  return __uint_as_float((__float_as_uint(value) + (word & 0xffffu)) & 0xffff0000u);
}

template <int V, typename T> __device__ void update(const Adam<T> &adam, const Factors &factors) {
  constexpr bool kRounds = sizeof(T) < sizeof(float);
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
      if constexpr (kRounds) {
        const Words words = philox(philox_key(adam.seed), factors.step, 0, static_cast<uint32_t>(i / 4));
#pragma unroll
        for (int k = 0; k < V; k++)
          v[k] = rounded_at_random(v[k], words.at[(i + k) % 4]);
      }
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
      float m = to_float(adam.m[j]), v = to_float(adam.v[j]);
      one(adam.p[j], adam.g[j], m, v);
      if constexpr (kRounds) {
        const Words words = philox(philox_key(adam.seed), factors.step, 0, static_cast<uint32_t>(j / 4));
        v = rounded_at_random(v, words.at[j % 4]);
      }
      adam.m[j] = from_float<T>(m);
      adam.v[j] = from_float<T>(v);
      if (adam.ema != nullptr)
        adam.ema[j] += factors.fresh_ema * (adam.p[j] - adam.ema[j]);
      if (adam.rounded != nullptr)
        adam.rounded[j] = from_float<Bf16>(adam.p[j]);
    }
  }
}

template <int V, typename T>
__global__ void adam_step(Adam<T> adam, const hs_adam_values *values, const double *square_sum) {
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
         args->beta1 < 1 && args->beta2 >= 0 && args->beta2 < 1 && args->eps >= 0 &&
         (args->state == HS_F32 || (args->state == HS_BF16 && args->count <= kPhiloxElements));
}

template <typename T> static Adam<T> adam_of(const hs_adam &args) {
  return {args.count,
          args.beta1,
          args.beta2,
          args.weight_decay,
          static_cast<float>(args.eps),
          args.decoupled != 0,
          args.p,
          args.g,
          static_cast<T *>(args.m),
          static_cast<T *>(args.v),
          args.ema,
          static_cast<Bf16 *>(args.p_bf16),
          args.seed};
}

static bool packs_of(const hs_adam &args) {
  return aligned(args.p, args.g, args.ema) && aligned(args.m, args.v, args.p_bf16);
}

static unsigned optimizer_blocks(int64_t count) {
  return static_cast<unsigned>(smaller(kOptimizerBlocks, ceil_div(count, 4 * kThreads)));
}

int hs_adam_step(hs_stream stream, const struct hs_adam *args) {
  HS_REQUIRE(valid(args) && args->values);
  return with_storage(args->state, [&](auto moment) {
    using T = decltype(moment);
    return launch(packs_of(*args) ? adam_step<4, T> : adam_step<1, T>, optimizer_blocks(args->count), kThreads,
                  0, stream, adam_of<T>(*args), args->values, args->square_sum);
  });
}

#else // ---- What is compared with the CPU's ----------------------------------------------------------------
#include "test/harness.h"

static void optimizer(const Check &check, int64_t count, int32_t decoupled, int32_t state) {
  check(name_of("optimizer", state, {count, decoupled}), [=](Side &s) {
    struct hs_adam a = {.count = count, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .weight_decay = 0.1};
    a.decoupled = decoupled;
    a.p = s.floats(count, 1);
    a.g = s.floats(count, 2);
    a.state = state;
    a.seed = 77;
    a.m = s.numbers(state, count, 3, 0.1f);
    // 0.5 in every place, of two bytes or of four.
    a.v = state == HS_BF16
              ? static_cast<void *>(s.put(std::vector<uint16_t>(static_cast<size_t>(count), 0x3f00)))
              : static_cast<void *>(s.put(std::vector<float>(static_cast<size_t>(count), 0.5f)));
    a.ema = s.floats(count, 5);
    a.p_bf16 = s.output(HS_BF16, count);
    a.values = s.put(std::vector<struct hs_adam_values>{{3, 1e-3, 0.9, 0.0}});
    HS_CALL(s, hs_adam_step, a); // not clipped
    a.values = s.put(std::vector<struct hs_adam_values>{{4, 2e-3, 0.8, 1.0}});
    a.square_sum = s.put(std::vector<double>{1.01 * static_cast<double>(count)});
    HS_CALL(s, hs_adam_step, a); // clipped
    s.read("parameters", a.p, HS_F32, count);
    s.read("m", a.m, state, count);
    s.read("v", a.v, state, count);
    s.read("bf16", a.p_bf16, HS_BF16, count);
    s.read("average", a.ema, HS_F32, count);
  });
}

static const Cases cases([](const Check &check) {
  for (const int32_t state : {HS_F32, HS_BF16}) {
    optimizer(check, 9001, 0, state);
    optimizer(check, 8192, 1, state);
  }
});
#endif
