// Sinusoids of time and guidance strength, and the cross entropy of class scores.
#include "ids.h"
#include "parallel.h"
#include "variant.h"

#include <math.h>

HS_KERNEL(hs_sinusoid)(hs_stream, const struct hs_sinusoid *args) {
  HS_REQUIRE(args && args->t && args->y && args->n >= 0 && args->dim >= 0 && args->max_period > 0);
  HS_REQUIRE(!args->reach_period || args->dim / 2 != 1);
  const int64_t dim = args->dim, half = dim / 2;
  const double scale = args->scale, max_period = args->max_period;
  const double last = static_cast<double>(args->reach_period ? half - 1 : half);
  const int64_t cosines = args->sines_first ? half : 0, sines = half - cosines;
  const float *t = args->t;
  float *y = args->y;
  parallel_items(args->n, 16 * args->n * dim, [=](int64_t i) {
    float *row = y + i * dim;
    for (int64_t k = 0; k < half; k++) {
      const double frequency = exp(-log(max_period) * static_cast<double>(k) / last);
      const double angle = scale * static_cast<double>(t[i]) * frequency;
      row[cosines + k] = static_cast<float>(cos(angle));
      row[sines + k] = static_cast<float>(sin(angle));
    }
    if (dim % 2 != 0)
      row[dim - 1] = 0.0f;
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
