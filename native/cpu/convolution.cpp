// A convolution with a packed filter, summed as it is defined: what the GPU's kernel is compared with. The
// CPU's own convolutions are winograd.cpp, pointwise.cpp and oneDNN's.
#include "parallel.h"
#include "storage.h"
#include "variant.h"

HS_KERNEL(hs_convolution_forward)(hs_stream, const struct hs_convolution *args) {
  HS_REQUIRE(args && args->n >= 0 && args->h >= 1 && args->w >= 1 && args->in >= 1 && args->out >= 1 &&
             args->side >= 1 && args->side % 2 == 1 && is_dtype(args->dtype) && args->x && args->filter &&
             args->y);
  const struct hs_convolution a = *args;
  with_storage(a.dtype, [&](auto storage) {
    using T = decltype(storage);
    const T *x = static_cast<const T *>(a.x), *filter = static_cast<const T *>(a.filter);
    const T *residual = static_cast<const T *>(a.residual);
    T *y = static_cast<T *>(a.y);
    const int64_t pixels = a.n * a.h * a.w, reach = a.side / 2;
    parallel_items(pixels, pixels * a.out * a.in * a.side * a.side, [=](int64_t p) {
      const int64_t row = p / a.w % a.h, column = p % a.w;
      for (int64_t o = 0; o < a.out; o++) {
        float sum = a.bias ? a.bias[o] : 0.0f;
        for (int64_t dy = -reach; dy <= reach; dy++)
          for (int64_t dx = -reach; dx <= reach; dx++) {
            if (row + dy < 0 || row + dy >= a.h || column + dx < 0 || column + dx >= a.w)
              continue;
            const T *from = x + (p + dy * a.w + dx) * a.in;
            const T *weights = filter + ((o * a.side + dy + reach) * a.side + dx + reach) * a.in;
            for (int64_t i = 0; i < a.in; i++)
              sum += to_float(from[i]) * to_float(weights[i]);
          }
        y[p * a.out + o] = from_float<T>(residual ? sum + to_float(residual[p * a.out + o]) : sum);
      }
    });
  });
  return HS_OK;
}
