// Sinusoids of time and guidance strength, lookup tables, and the cross entropy of class scores.
#include "parallel.h"
#include "variant.h"

#include <math.h>

HS_KERNEL(hs_sinusoid)
(hs_stream, const float *t, double scale, double max_period, float *y, int64_t n, int64_t dim) {
  HS_REQUIRE(t && y && n >= 0 && dim >= 0 && max_period > 0);
  const int64_t half = dim / 2;
  parallel_items(n, 16 * n * dim, [=](int64_t i) {
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

HS_KERNEL(hs_embedding_forward)
(hs_stream, const float *table, const int32_t *ids, float *y, int32_t accumulate, int64_t n, int64_t rows,
 int64_t dim) {
  HS_REQUIRE(table && ids && y && n >= 0 && rows >= 0 && dim >= 0 && ids_in_range(ids, n, rows));
  parallel_items(n, n * dim, [=](int64_t i) {
    const float *from = table + ids[i] * dim;
    float *to = y + i * dim;
    for (int64_t j = 0; j < dim; j++)
      to[j] = accumulate ? to[j] + from[j] : from[j];
  });
  return HS_OK;
}

HS_KERNEL(hs_embedding_backward)
(hs_stream, const float *dy, const int32_t *ids, float *dtable, int64_t n, int64_t rows, int64_t dim) {
  HS_REQUIRE(dy && ids && dtable && n >= 0 && rows >= 0 && dim >= 0 && ids_in_range(ids, n, rows));
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

HS_KERNEL(hs_softmax_cross_entropy)
(hs_stream, const float *logits, const int32_t *ids, float *losses, float *dlogits, float dloss, int64_t n,
 int64_t classes) {
  HS_REQUIRE(logits && ids && losses && n >= 0 && classes >= 1 && ids_in_range(ids, n, classes));
  parallel_items(n, 16 * n * classes, [=](int64_t i) {
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
      dlogits[i * classes + j] =
          static_cast<float>(static_cast<double>(dloss) * (probability - (j == ids[i] ? 1.0 : 0.0)));
    }
  });
  return HS_OK;
}
