// Sinusoids of time and guidance strength, lookup tables, and the cross entropy of class scores.
#include "parallel.h"
#include "variant.h"

#include <math.h>

HS_KERNEL(hs_sinusoid)(hs_stream, const struct hs_sinusoid *args) {
  HS_REQUIRE(args && args->t && args->y && args->n >= 0 && args->dim >= 0 && args->max_period > 0);
  const int64_t dim = args->dim, half = dim / 2;
  const double scale = args->scale, max_period = args->max_period;
  const float *t = args->t;
  float *y = args->y;
  parallel_items(args->n, 16 * args->n * dim, [=](int64_t i) {
    float *row = y + i * dim;
    for (int64_t k = 0; k < half; k++) {
      const double frequency = exp(-log(max_period) * static_cast<double>(k) / static_cast<double>(half));
      const double angle = scale * static_cast<double>(t[i]) * frequency;
      row[k] = static_cast<float>(cos(angle));
      row[half + k] = static_cast<float>(sin(angle));
    }
    if (dim % 2 != 0)
      row[dim - 1] = 0.0f;
  });
  return HS_OK;
}

static bool ids_in_range(const int32_t *ids, int64_t n, int64_t rows) {
  for (int64_t i = 0; i < n; i++)
    if (ids[i] < 0 || ids[i] >= rows)
      return false;
  return true;
}

static bool valid(const struct hs_embedding *args) {
  return args && args->ids && args->n >= 0 && args->rows >= 0 && args->dim >= 0 &&
         ids_in_range(args->ids, args->n, args->rows);
}

HS_KERNEL(hs_embedding_forward)(hs_stream, const struct hs_embedding *args) {
  HS_REQUIRE(valid(args) && args->table && args->y);
  const int64_t dim = args->dim;
  const bool accumulate = args->accumulate != 0;
  const int32_t *ids = args->ids;
  const float *table = args->table;
  float *y = args->y;
  parallel_items(args->n, args->n * dim, [=](int64_t i) {
    const float *from = table + ids[i] * dim;
    float *to = y + i * dim;
    for (int64_t j = 0; j < dim; j++)
      to[j] = accumulate ? to[j] + from[j] : from[j];
  });
  return HS_OK;
}

HS_KERNEL(hs_embedding_backward)(hs_stream, const struct hs_embedding *args) {
  HS_REQUIRE(valid(args) && args->dy && args->dtable);
  const int64_t n = args->n, rows = args->rows, dim = args->dim;
  const int32_t *ids = args->ids;
  const float *dy = args->dy;
  float *dtable = args->dtable;
  // Threads own columns, so equal ids add up in the order of the batch.
  parallel_blocks(dim, 64, [=](int64_t begin, int64_t end) {
    for (int64_t r = 0; r < rows; r++)
      for (int64_t j = begin; j < end; j++)
        dtable[r * dim + j] = 0.0f;
    for (int64_t i = 0; i < n; i++)
      for (int64_t j = begin; j < end; j++)
        dtable[ids[i] * dim + j] += dy[i * dim + j];
  });
  return HS_OK;
}

HS_KERNEL(hs_softmax_cross_entropy)(hs_stream, const struct hs_softmax_cross_entropy *args) {
  HS_REQUIRE(args && args->logits && args->ids && args->losses && args->n >= 0 && args->classes >= 1 &&
             ids_in_range(args->ids, args->n, args->classes));
  const int64_t classes = args->classes;
  const int32_t *ids = args->ids;
  const float *logits = args->logits;
  const double dloss = static_cast<double>(args->dloss);
  float *losses = args->losses, *dlogits = args->dlogits;
  parallel_items(args->n, 16 * args->n * classes, [=](int64_t i) {
    const float *row = logits + i * classes;
    double largest = static_cast<double>(row[0]);
    for (int64_t j = 1; j < classes; j++)
      largest = static_cast<double>(row[j]) > largest ? static_cast<double>(row[j]) : largest;
    double sum = 0.0;
    for (int64_t j = 0; j < classes; j++)
      sum += exp(static_cast<double>(row[j]) - largest);
    losses[i] = static_cast<float>(log(sum) + largest - static_cast<double>(row[ids[i]]));
    if (dlogits == nullptr)
      return;
    for (int64_t j = 0; j < classes; j++) {
      const double probability = exp(static_cast<double>(row[j]) - largest) / sum;
      dlogits[i * classes + j] = static_cast<float>(dloss * (probability - (j == ids[i] ? 1.0 : 0.0)));
    }
  });
  return HS_OK;
}
