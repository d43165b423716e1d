// Sinusoids of time and guidance strength, lookup tables, and the cross entropy of class scores. Small work:
// a few thousand elements each.
#include "storage.cuh"

#include <math.h>

__global__ void sinusoid(const float *t, double scale, double log_period, float *y, int64_t n, int64_t dim) {
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
  const double frequency = exp(-log_period * static_cast<double>(k) / static_cast<double>(half));
  const double angle = scale * static_cast<double>(t[i]) * frequency;
  y[index] = static_cast<float>(j < half ? cos(angle) : sin(angle));
}

int hs_sinusoid(hs_stream stream, const struct hs_sinusoid *args) {
  HS_REQUIRE(args && args->t && args->y && args->n >= 0 && args->dim >= 0 && args->max_period > 0);
  const int64_t blocks = ceil_div(args->n * args->dim, kThreads);
  if (blocks > kMaxBlocks)
    return HS_UNSUPPORTED;
  return launch_early(sinusoid, static_cast<unsigned>(blocks), kThreads, 0, stream, args->t, args->scale,
                      log(args->max_period), args->y, args->n, args->dim);
}

// The ids lie in device memory, so that the host cannot refuse one: its row becomes NaN, and its gradient
// goes nowhere.
__global__ void embed(const float *table, const int32_t *ids, float *y, bool accumulate, int64_t n,
                      int64_t rows, int64_t dim) {
  wait_for_earlier();
  const int64_t index = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (index >= n * dim)
    return;
  const int32_t id = ids[index / dim];
  const float value = id >= 0 && id < rows ? table[id * dim + index % dim] : NAN;
  y[index] = accumulate ? y[index] + value : value;
}

static bool valid(const struct hs_embedding *args) {
  return args && args->ids && args->n >= 0 && args->rows >= 0 && args->dim >= 0;
}

int hs_embedding_forward(hs_stream stream, const struct hs_embedding *args) {
  HS_REQUIRE(valid(args) && args->table && args->y);
  const int64_t blocks = ceil_div(args->n * args->dim, kThreads);
  if (blocks > kMaxBlocks)
    return HS_UNSUPPORTED;
  return launch_early(embed, static_cast<unsigned>(blocks), kThreads, 0, stream, args->table, args->ids,
                      args->y, args->accumulate != 0, args->n, args->rows, args->dim);
}

// One thread per element of the table looks through the batch, so equal ids add up in the order of the batch.
__global__ void embed_gradient(const float *dy, const int32_t *ids, float *dtable, int64_t n, int64_t rows,
                               int64_t dim) {
  const int64_t index = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (index >= rows * dim)
    return;
  const int64_t row = index / dim, j = index % dim;
  float sum = 0.0f;
  for (int64_t i = 0; i < n; i++)
    if (ids[i] == row)
      sum += dy[i * dim + j];
  dtable[index] = sum;
}

int hs_embedding_backward(hs_stream stream, const struct hs_embedding *args) {
  HS_REQUIRE(valid(args) && args->dy && args->dtable);
  const int64_t blocks = ceil_div(args->rows * args->dim, kThreads);
  if (blocks > kMaxBlocks)
    return HS_UNSUPPORTED;
  return launch(embed_gradient, static_cast<unsigned>(blocks), kThreads, 0, stream, args->dy, args->ids,
                args->dtable, args->n, args->rows, args->dim);
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
