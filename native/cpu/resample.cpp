// Nearest-neighbour doubling and 2x2 averaging of NHWC images, with their gradients.
#include "parallel.h"
#include "variant.h"
#include "vector.h"

namespace {

struct Image {
  int64_t n, h, w, c;
};

} // namespace

static bool valid(const struct hs_resample *args) {
  return args && args->n >= 0 && args->h >= 0 && args->w >= 0 && args->c >= 0;
}

// out[0..c) = factor * (a + b + d + e), or added to it.
template <typename T>
static inline void sum_of_four(const T *a, const T *b, const T *d, const T *e, float factor, T *out,
                               bool accumulate, int64_t c) {
  for_vectors(c, [=]<int B, bool Tail>(int64_t j, int lanes) {
    for (int v = 0; v < B; v++) {
      int64_t at = j + v * kLanes;
      Floats sum = (fetch<Tail>(a + at, lanes) + fetch<Tail>(b + at, lanes)) +
                   (fetch<Tail>(d + at, lanes) + fetch<Tail>(e + at, lanes));
      sum *= factor;
      if (accumulate)
        sum += fetch<Tail>(out + at, lanes);
      put<Tail>(out + at, sum, lanes);
    }
  });
}

// small[i,y,x] (+)= factor * the sum of the 2x2 pixels of big, whose rows are big_w pixels and images big_h
// rows.
template <typename T>
static void gather_2x2(const T *big, T *small, float factor, bool accumulate, Image image, int64_t big_h,
                       int64_t big_w) {
  const auto [n, h, w, c] = image;
  parallel_items(n * h, 4 * n * h * w * c, [=](int64_t item) {
    const T *top = big + ((item / h) * big_h + 2 * (item % h)) * big_w * c;
    const T *bottom = top + big_w * c;
    for (int64_t x = 0; x < w; x++)
      sum_of_four(top + 2 * x * c, top + (2 * x + 1) * c, bottom + 2 * x * c, bottom + (2 * x + 1) * c,
                  factor, small + (item * w + x) * c, accumulate, c);
  });
}

HS_KERNEL(hs_upsample2_forward)(hs_stream, const struct hs_resample *args) {
  HS_REQUIRE(valid(args) && args->x && args->y && (is_dtype(args->dtype) || args->dtype == HS_U8));
  const int64_t w = args->w, rows = args->n * args->h;
  const int64_t pixel = args->c * (args->dtype == HS_U8 ? 1 : args->dtype == HS_BF16 ? 2 : 4); // bytes
  const char *in = static_cast<const char *>(args->x);
  char *out = static_cast<char *>(args->y);
  parallel_items(rows, 4 * rows * w * args->c, [=](int64_t row) {
    const char *from = in + row * w * pixel;
    char *to = out + row * 4 * w * pixel;
    for (int64_t column = 0; column < w; column++) {
      __builtin_memcpy(to + 2 * column * pixel, from + column * pixel, pixel);
      __builtin_memcpy(to + (2 * column + 1) * pixel, from + column * pixel, pixel);
    }
    __builtin_memcpy(to + 2 * w * pixel, to, 2 * w * pixel);
  });
  return HS_OK;
}

HS_KERNEL(hs_upsample2_backward)(hs_stream, const struct hs_resample *args) {
  HS_REQUIRE(valid(args) && args->dy && args->dx && is_dtype(args->dtype));
  with_storage(args->dtype, [&](auto storage) {
    using T = decltype(storage);
    gather_2x2(static_cast<const T *>(args->dy), static_cast<T *>(args->dx), 1.0f, args->accumulate != 0,
               {args->n, args->h, args->w, args->c}, 2 * args->h, 2 * args->w);
  });
  return HS_OK;
}

HS_KERNEL(hs_downsample2_forward)(hs_stream, const struct hs_resample *args) {
  HS_REQUIRE(valid(args) && args->x && args->y && is_dtype(args->dtype));
  with_storage(args->dtype, [&](auto storage) {
    using T = decltype(storage);
    gather_2x2(static_cast<const T *>(args->x), static_cast<T *>(args->y), 0.25f, false,
               {args->n, args->h / 2, args->w / 2, args->c}, args->h, args->w);
  });
  return HS_OK;
}

HS_KERNEL(hs_downsample2_backward)(hs_stream, const struct hs_resample *args) {
  HS_REQUIRE(valid(args) && args->dy && args->dx && is_dtype(args->dtype));
  const int64_t n = args->n, h = args->h, w = args->w, c = args->c;
  const bool accumulate = args->accumulate != 0;
  with_storage(args->dtype, [&](auto storage) {
    using T = decltype(storage);
    const T *upstream = static_cast<const T *>(args->dy);
    T *out = static_cast<T *>(args->dx);
    const int64_t small_h = h / 2, small_w = w / 2;
    parallel_items(n * h, n * h * w * c, [=](int64_t item) {
      const int64_t row = item % h;
      const T *from = upstream + ((item / h) * small_h + row / 2) * small_w * c;
      for (int64_t column = 0; column < w; column++) {
        T *to = out + (item * w + column) * c;
        const bool dropped = row / 2 >= small_h || column / 2 >= small_w;
        if (dropped) {
          if (!accumulate)
            __builtin_memset(to, 0, sizeof(T) * c);
          continue;
        }
        const T *of = from + (column / 2) * c;
        for_vectors(c, [=]<int B, bool Tail>(int64_t j, int lanes) {
          for (int v = 0; v < B; v++) {
            int64_t at = j + v * kLanes;
            Floats value = 0.25f * fetch<Tail>(of + at, lanes);
            if (accumulate)
              value += fetch<Tail>(to + at, lanes);
            put<Tail>(to + at, value, lanes);
          }
        });
      }
    });
  });
  return HS_OK;
}
