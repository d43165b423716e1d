// Images put into larger ones of zeros, and cut out of them.
#include "parallel.h"
#include "variant.h"
#include "vector.h"

static bool valid(const struct hs_pad *args) {
  return args && args->x && args->y && args->n >= 0 && args->h >= 0 && args->w >= 0 && args->c >= 0 &&
         args->top >= 0 && args->left >= 0 && args->top + args->h <= args->out_h &&
         args->left + args->w <= args->out_w && args->c <= args->out_c && is_dtype(args->dtype);
}

template <typename T> static inline void copy_row(const T *from, T *to, int64_t count, bool accumulate) {
  if (!accumulate) {
    __builtin_memcpy(to, from, sizeof(T) * count);
    return;
  }
  for_vectors(count, [=]<int B, bool Tail>(int64_t j, int lanes) {
    for (int b = 0; b < B; b++) {
      const int64_t at = j + b * kLanes;
      put<Tail>(to + at, fetch<Tail>(to + at, lanes) + fetch<Tail>(from + at, lanes), lanes);
    }
  });
}

// Pixels of one row, whose channels are all of both images or the first of one.
template <typename T>
static inline void copy_pixels(const T *from, int64_t from_c, T *to, int64_t to_c, int64_t pixels,
                               bool accumulate) {
  if (from_c == to_c)
    copy_row(from, to, pixels * to_c, accumulate);
  else
    for (int64_t p = 0; p < pixels; p++)
      copy_row(from + p * from_c, to + p * to_c, smaller(from_c, to_c), accumulate);
}

HS_KERNEL(hs_pad)(hs_stream, const struct hs_pad *args) {
  HS_REQUIRE(valid(args));
  const int64_t h = args->h, w = args->w, c = args->c;
  const int64_t out_h = args->out_h, row = args->out_w * args->out_c;
  const bool accumulate = args->accumulate != 0;
  with_storage(args->dtype, [&](auto storage) {
    using T = decltype(storage);
    parallel_items(args->n * out_h, args->n * out_h * row, [=](int64_t item) {
      const int64_t y = item % out_h - args->top;
      T *to = static_cast<T *>(args->y) + item * row;
      if (!accumulate)
        __builtin_memset(to, 0, sizeof(T) * row);
      if (y >= 0 && y < h)
        copy_pixels(static_cast<const T *>(args->x) + (item / out_h * h + y) * w * c, c,
                    to + args->left * args->out_c, args->out_c, w, accumulate);
    });
  });
  return HS_OK;
}

HS_KERNEL(hs_crop)(hs_stream, const struct hs_pad *args) {
  HS_REQUIRE(valid(args));
  const int64_t h = args->h, w = args->w, c = args->c;
  with_storage(args->dtype, [&](auto storage) {
    using T = decltype(storage);
    parallel_items(args->n * h, args->n * h * w * c, [=](int64_t item) {
      const int64_t from = (item / h * args->out_h + args->top + item % h) * args->out_w + args->left;
      copy_pixels(static_cast<const T *>(args->y) + from * args->out_c, args->out_c,
                  static_cast<T *>(args->x) + item * w * c, c, w, args->accumulate != 0);
    });
  });
  return HS_OK;
}
