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

HS_KERNEL(hs_pool)
(hs_stream, const void *x, void *y, int32_t average, int32_t rows, int32_t columns, int32_t stride,
 int32_t row_padding, int32_t column_padding, int64_t n, int64_t h, int64_t w, int64_t c, int32_t dtype) {
  HS_REQUIRE(x && y && n >= 0 && h >= 1 && w >= 1 && c >= 0 && stride >= 1 && is_dtype(dtype));
  HS_REQUIRE(row_padding >= 0 && row_padding < rows && column_padding >= 0 && column_padding < columns);
  HS_REQUIRE(h + 2 * row_padding >= rows && w + 2 * column_padding >= columns);
  const Pool pool = {h,
                     w,
                     c,
                     (h + 2 * row_padding - rows) / stride + 1,
                     (w + 2 * column_padding - columns) / stride + 1,
                     rows,
                     columns,
                     stride,
                     row_padding,
                     column_padding};
  with_storage(dtype, [&](auto storage) {
    using T = decltype(storage);
    const T *in = static_cast<const T *>(x);
    T *out = static_cast<T *>(y);
    if (average)
      pool_images<true>(in, out, n, pool);
    else
      pool_images<false>(in, out, n, pool);
  });
  return HS_OK;
}
