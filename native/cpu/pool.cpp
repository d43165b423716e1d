// Means and maxima over windows of NHWC images.
#include "parallel.h"
#include "variant.h"
#include "vector.h"

namespace {

struct Pool {
  int64_t h, w, c, out_h, out_w;
  int32_t rows, columns, stride, row_padding, column_padding;
};

} // namespace

// One output pixel from the pixels [top, bottom) x [left, right) of an image.
template <bool Average, typename T>
static inline void pool_pixel(const T *image, T *out, int64_t top, int64_t bottom, int64_t left,
                              int64_t right, int64_t w, int64_t c) {
  const float factor = 1.0f / static_cast<float>((bottom - top) * (right - left));
  for_vectors(c, [=]<int B, bool Tail>(int64_t j, int lanes) {
    for (int v = 0; v < B; v++) {
      const int64_t at = j + v * kLanes;
      Floats result = fetch<Tail>(image + (top * w + left) * c + at, lanes);
      for (int64_t row = top; row < bottom; row++) {
        for (int64_t column = row == top ? left + 1 : left; column < right; column++) {
          const Floats value = fetch<Tail>(image + (row * w + column) * c + at, lanes);
          if constexpr (Average)
            result += value;
          else
            result = larger_of(value, result);
        }
      }
      if constexpr (Average)
        result *= factor;
      put<Tail>(out + at, result, lanes);
    }
  });
}

template <bool Average, typename T> static void pool_images(const T *x, T *y, int64_t n, Pool pool) {
  const int64_t elements = n * pool.out_h * pool.out_w * pool.c * pool.rows * pool.columns;
  parallel_items(n * pool.out_h, elements, [=](int64_t item) {
    const auto [h, w, c, out_h, out_w, rows, columns, stride, row_padding, column_padding] = pool;
    const T *image = x + (item / out_h) * h * w * c;
    const int64_t first_row = (item % out_h) * stride - row_padding;
    for (int64_t column = 0; column < out_w; column++) {
      const int64_t first_column = column * stride - column_padding;
      pool_pixel<Average>(image, y + (item * out_w + column) * c, larger(first_row, 0),
                          smaller(first_row + rows, h), larger(first_column, 0),
                          smaller(first_column + columns, w), w, c);
    }
  });
}

HS_KERNEL(hs_pool)(hs_stream, const struct hs_pool *args) {
  HS_REQUIRE(args && args->x && args->y && args->n >= 0 && args->h >= 1 && args->w >= 1 && args->c >= 0 &&
             args->stride >= 1 && is_dtype(args->dtype));
  const int64_t h = args->h + 2 * args->row_padding, w = args->w + 2 * args->column_padding; // with padding
  HS_REQUIRE(args->row_padding >= 0 && args->row_padding < args->rows && h >= args->rows);
  HS_REQUIRE(args->column_padding >= 0 && args->column_padding < args->columns && w >= args->columns);
  const Pool pool = {args->h,
                     args->w,
                     args->c,
                     (h - args->rows) / args->stride + 1,
                     (w - args->columns) / args->stride + 1,
                     args->rows,
                     args->columns,
                     args->stride,
                     args->row_padding,
                     args->column_padding};
  with_storage(args->dtype, [&](auto storage) {
    using T = decltype(storage);
    const T *in = static_cast<const T *>(args->x);
    T *out = static_cast<T *>(args->y);
    if (args->average)
      pool_images<true>(in, out, args->n, pool);
    else
      pool_images<false>(in, out, args->n, pool);
  });
  return HS_OK;
}
