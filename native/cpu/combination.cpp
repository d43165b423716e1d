// Linear combinations with one coefficient per sample.
#include "parallel.h"
#include "variant.h"
#include "vector.h"

static constexpr int64_t kBlock = 8192;

template <int Terms, typename T>
static void combine(T *y, const T *const *x, const float *coefficients, int64_t n, int64_t per_sample) {
  const int64_t blocks = ceil_div(per_sample, kBlock);
  const T *x0 = x[0], *x1 = x[1], *x2 = x[2], *x3 = x[3];
  parallel_items(n * blocks, n * per_sample, [=](int64_t item) {
    const int64_t i = item / blocks;
    const int64_t first = (item % blocks) * kBlock;
    const int64_t count = smaller(kBlock, per_sample - first);
    const int64_t start = i * per_sample + first;
    const float k0 = coefficients[i];
    const float k1 = Terms > 1 ? coefficients[n + i] : 0.0f;
    const float k2 = Terms > 2 ? coefficients[2 * n + i] : 0.0f;
    const float k3 = Terms > 3 ? coefficients[3 * n + i] : 0.0f;
    for_vectors(count, [=]<int B, bool Tail>(int64_t j, int lanes) {
      for (int b = 0; b < B; b++) {
        const int64_t at = start + j + b * kLanes;
        Floats sum = k0 * fetch<Tail>(x0 + at, lanes);
        if constexpr (Terms > 1)
          sum += k1 * fetch<Tail>(x1 + at, lanes);
        if constexpr (Terms > 2)
          sum += k2 * fetch<Tail>(x2 + at, lanes);
        if constexpr (Terms > 3)
          sum += k3 * fetch<Tail>(x3 + at, lanes);
        put<Tail>(y + at, sum, lanes);
      }
    });
  });
}

HS_KERNEL(hs_linear_combination)(hs_stream, const struct hs_linear_combination *args) {
  HS_REQUIRE(args && args->y && args->coefficients && args->n >= 0 && args->per_sample >= 0 &&
             args->terms >= 1 && args->terms <= 4 && is_dtype(args->dtype));
  HS_REQUIRE(args->x0 && (args->terms < 2 || args->x1) && (args->terms < 3 || args->x2) &&
             (args->terms < 4 || args->x3));
  with_storage(args->dtype, [&](auto storage) {
    using T = decltype(storage);
    T *out = static_cast<T *>(args->y);
    const T *x[4] = {static_cast<const T *>(args->x0), static_cast<const T *>(args->x1),
                     static_cast<const T *>(args->x2), static_cast<const T *>(args->x3)};
    switch (args->terms) {
    case 1:
      return combine<1>(out, x, args->coefficients, args->n, args->per_sample);
    case 2:
      return combine<2>(out, x, args->coefficients, args->n, args->per_sample);
    case 3:
      return combine<3>(out, x, args->coefficients, args->n, args->per_sample);
    default:
      return combine<4>(out, x, args->coefficients, args->n, args->per_sample);
    }
  });
  return HS_OK;
}
