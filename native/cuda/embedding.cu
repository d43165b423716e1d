// Sinusoids of time and guidance strength, and the cross entropy of class scores. Small work: a few thousand
// elements each.
#ifndef HS_CASES
#include "storage.cuh"

#include <math.h>

struct Sinusoid {
  double scale, log_period;
  bool sines_first, reach_period;
};

__global__ void sinusoid(const float *t, Sinusoid of, float *y, int64_t n, int64_t dim) {
  wait_for_earlier();
  const int64_t index = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (index >= n * dim)
    return;
  const int64_t i = index / dim, j = index % dim, half = dim / 2;
  if (j == 2 * half) { // an odd dimension's last
    y[index] = 0.0f;
    return;
  }
  const int64_t k = j < half ? j : j - half;
  const double last = static_cast<double>(of.reach_period ? half - 1 : half);
  const double frequency = exp(-of.log_period * static_cast<double>(k) / last);
  const double angle = of.scale * static_cast<double>(t[i]) * frequency;
  y[index] = static_cast<float>((j < half) != of.sines_first ? cos(angle) : sin(angle));
}

int hs_sinusoid(hs_stream stream, const struct hs_sinusoid *args) {
  HS_REQUIRE(args && args->t && args->y && args->n >= 0 && args->dim >= 0 && args->max_period > 0);
  HS_REQUIRE(!args->reach_period || args->dim / 2 != 1);
  const int64_t blocks = ceil_div(args->n * args->dim, kThreads);
  if (blocks > kMaxBlocks)
    return HS_UNSUPPORTED;
  return launch_early(
      sinusoid, static_cast<unsigned>(blocks), kThreads, 0, stream, args->t,
      Sinusoid{args->scale, log(args->max_period), args->sines_first != 0, args->reach_period != 0}, args->y,
      args->n, args->dim);
}

// One warp per row. An id out of range has a loss of NaN.
__global__ void cross_entropy(const float *logits, const int32_t *ids, float *losses, float *dlogits,
                              float dloss, int64_t n, int64_t classes) {
  const int64_t i = int64_t{blockIdx.x} * (blockDim.x / kWarp) + threadIdx.x / kWarp;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  if (i >= n)
    return; // the whole warp
  const float *row = logits + i * classes;
  float largest = -INFINITY;
  for (int64_t j = lane; j < classes; j += kWarp)
    largest = row[j] > largest ? row[j] : largest;
  for (int bits = kWarp / 2; bits > 0; bits /= 2) {
    const float other = __shfl_xor_sync(kAllLanes, largest, bits);
    largest = other > largest ? other : largest;
  }
  double sum = 0.0;
  for (int64_t j = lane; j < classes; j += kWarp)
    sum += exp(static_cast<double>(row[j]) - static_cast<double>(largest));
  sum = warp_sum(sum);
  const int32_t id = ids[i];
  if (lane == 0) {
    const double own = id >= 0 && id < classes ? static_cast<double>(row[id]) : static_cast<double>(NAN);
    losses[i] = static_cast<float>(log(sum) + static_cast<double>(largest) - own);
  }
  if (dlogits == nullptr)
    return;
  for (int64_t j = lane; j < classes; j += kWarp) {
    const double probability = exp(static_cast<double>(row[j]) - static_cast<double>(largest)) / sum;
    dlogits[i * classes + j] =
        static_cast<float>(static_cast<double>(dloss) * (probability - (j == id ? 1.0 : 0.0)));
  }
}

int hs_softmax_cross_entropy(hs_stream stream, const struct hs_softmax_cross_entropy *args) {
  HS_REQUIRE(args && args->logits && args->ids && args->losses && args->n >= 0 && args->classes >= 1);
  constexpr int kWarps = 4;
  const int64_t blocks = ceil_div(args->n, kWarps);
  if (blocks > kMaxBlocks)
    return HS_UNSUPPORTED;
  return launch(cross_entropy, static_cast<unsigned>(blocks), kWarps * kWarp, 0, stream, args->logits,
                args->ids, args->losses, args->dlogits, args->dloss, args->n, args->classes);
}

#else // ---- What is compared with the CPU's ----------------------------------------------------------------
#include "test/harness.h"

static void sinusoids(Side &s) {
  const int64_t n = 5, dim = 131;
  float *y = s.floats(n * dim, 1);
  HS_RUN(s, hs_sinusoid, .n = n, .dim = dim, .scale = 1000, .max_period = 10000, .t = s.floats(n, 4), .y = y);
  s.read("sinusoid", y, HS_F32, n * dim);
  for (int32_t sines_first : {0, 1}) {
    HS_RUN(s, hs_sinusoid, .n = n, .dim = dim, .scale = 1000, .max_period = 10000, .sines_first = sines_first,
           .reach_period = 1, .t = s.floats(n, 4), .y = y);
    s.read("sinusoid of the last period", y, HS_F32, n * dim);
  }
}

static void cross_entropy(Side &s) {
  const int64_t n = 5, classes = 33;
  float *losses = s.floats(n, 5), *dlogits = s.floats(n * classes, 6);
  HS_RUN(s, hs_softmax_cross_entropy, .n = n, .classes = classes, .dloss = 0.2f,
         .logits = s.floats(n * classes, 3, 20), .ids = s.put(std::vector<int32_t>{3, 0, 32, 3, 17}),
         .losses = losses, .dlogits = dlogits);
  s.read("losses", losses, HS_F32, n);
  s.read("gradient of the logits", dlogits, HS_F32, n * classes);
}

static const Cases cases([](const Check &check) {
  check("sinusoids", sinusoids);
  check("cross entropy", cross_entropy);
});
#endif
