// Kernels that read and write each element once: SiLU, sums, dropout, column copies, conversions.
#include "parallel.h"
#include "philox.h"
#include "variant.h"
#include "vector_math.h"

#include <math.h>

static constexpr int64_t kBlock = 8192;

HS_KERNEL(hs_silu_forward)(hs_stream, const void *x, void *y, int64_t count, int32_t dtype) {
  HS_REQUIRE(x && y && count >= 0 && is_dtype(dtype));
  with_storage(dtype, [&](auto storage) {
    using T = decltype(storage);
    const T *in = static_cast<const T *>(x);
    T *out = static_cast<T *>(y);
    parallel_blocks(count, kBlock, [=](int64_t begin, int64_t end) {
      for_vectors(end - begin, [=]<int B, bool Tail>(int64_t j, int lanes) {
        for (int b = 0; b < B; b++) {
          int64_t at = begin + j + b * kLanes;
          put<Tail>(out + at, silu(fetch<Tail>(in + at, lanes)), lanes);
        }
      });
    });
  });
  return HS_OK;
}

HS_KERNEL(hs_silu_backward)
(hs_stream, const void *x, const void *dy, void *dx, int32_t accumulate, int64_t count, int32_t dtype) {
  HS_REQUIRE(x && dy && dx && count >= 0 && is_dtype(dtype));
  with_storage(dtype, [&](auto storage) {
    using T = decltype(storage);
    const T *in = static_cast<const T *>(x);
    const T *upstream = static_cast<const T *>(dy);
    T *out = static_cast<T *>(dx);
    parallel_blocks(count, kBlock, [=](int64_t begin, int64_t end) {
      for_vectors(end - begin, [=]<int B, bool Tail>(int64_t j, int lanes) {
        for (int b = 0; b < B; b++) {
          int64_t at = begin + j + b * kLanes;
          Floats slope = fetch<Tail>(upstream + at, lanes) * silu_slope(fetch<Tail>(in + at, lanes));
          if (accumulate)
            slope += fetch<Tail>(out + at, lanes);
          put<Tail>(out + at, slope, lanes);
        }
      });
    });
  });
  return HS_OK;
}

HS_KERNEL(hs_add)(hs_stream, const void *a, const void *b, void *y, int64_t count, int32_t dtype) {
  HS_REQUIRE(a && b && y && count >= 0 && is_dtype(dtype));
  with_storage(dtype, [&](auto storage) {
    using T = decltype(storage);
    const T *left = static_cast<const T *>(a);
    const T *right = static_cast<const T *>(b);
    T *out = static_cast<T *>(y);
    parallel_blocks(count, kBlock, [=](int64_t begin, int64_t end) {
      for_vectors(end - begin, [=]<int B, bool Tail>(int64_t j, int lanes) {
        for (int v = 0; v < B; v++) {
          int64_t at = begin + j + v * kLanes;
          put<Tail>(out + at, fetch<Tail>(left + at, lanes) + fetch<Tail>(right + at, lanes), lanes);
        }
      });
    });
  });
  return HS_OK;
}

HS_KERNEL(hs_clamp)(hs_stream, const void *x, void *y, float low, float high, int64_t count, int32_t dtype) {
  HS_REQUIRE(x && y && low <= high && count >= 0 && is_dtype(dtype));
  with_storage(dtype, [&](auto storage) {
    using T = decltype(storage);
    const T *in = static_cast<const T *>(x);
    T *out = static_cast<T *>(y);
    parallel_blocks(count, kBlock, [=](int64_t begin, int64_t end) {
      for_vectors(end - begin, [=]<int B, bool Tail>(int64_t j, int lanes) {
        for (int b = 0; b < B; b++) {
          int64_t at = begin + j + b * kLanes;
          Floats value = fetch<Tail>(in + at, lanes);
          value = smaller_of(splat(high), larger_of(splat(low), value)); // in the order that keeps a NaN
          put<Tail>(out + at, value, lanes);
        }
      });
    });
  });
  return HS_OK;
}

HS_KERNEL(hs_convert)
(hs_stream, const void *src, int32_t src_dtype, void *dst, int32_t dst_dtype, int64_t count) {
  HS_REQUIRE(src && dst && count >= 0 && is_dtype(src_dtype) && is_dtype(dst_dtype));
  with_storage(src_dtype, [&](auto from_storage) {
    with_storage(dst_dtype, [&](auto to_storage) {
      using From = decltype(from_storage);
      using To = decltype(to_storage);
      const From *from = static_cast<const From *>(src);
      To *to = static_cast<To *>(dst);
      parallel_blocks(count, kBlock, [=](int64_t begin, int64_t end) {
        for_vectors(end - begin, [=]<int B, bool Tail>(int64_t j, int lanes) {
          for (int b = 0; b < B; b++) {
            int64_t at = begin + j + b * kLanes;
            put<Tail>(to + at, fetch<Tail>(from + at, lanes), lanes);
          }
        });
      });
    });
  });
  return HS_OK;
}

HS_KERNEL(hs_copy_columns)
(hs_stream, const void *src, int64_t src_stride, int64_t src_offset, void *dst, int64_t dst_stride,
 int64_t dst_offset, int64_t rows, int64_t columns, int32_t accumulate, int32_t dtype) {
  HS_REQUIRE(src && dst && rows >= 0 && columns >= 0 && is_dtype(dtype));
  HS_REQUIRE(src_offset >= 0 && src_offset + columns <= src_stride);
  HS_REQUIRE(dst_offset >= 0 && dst_offset + columns <= dst_stride);
  with_storage(dtype, [&](auto storage) {
    using T = decltype(storage);
    const T *from = static_cast<const T *>(src) + src_offset;
    T *to = static_cast<T *>(dst) + dst_offset;
    const int64_t block = larger(1, kBlock / larger(1, columns));
    const int64_t blocks = ceil_div(rows, block);
    parallel_items(blocks, rows * columns, [=](int64_t item) {
      for (int64_t r = item * block; r < smaller(rows, (item + 1) * block); r++) {
        const T *in = from + r * src_stride;
        T *out = to + r * dst_stride;
        if (!accumulate) {
          __builtin_memcpy(out, in, sizeof(T) * columns);
          continue;
        }
        for_vectors(columns, [=]<int B, bool Tail>(int64_t j, int lanes) {
          for (int b = 0; b < B; b++) {
            int64_t at = j + b * kLanes;
            put<Tail>(out + at, fetch<Tail>(out + at, lanes) + fetch<Tail>(in + at, lanes), lanes);
          }
        });
      }
    });
  });
  return HS_OK;
}

HS_KERNEL(hs_add_per_channel)
(hs_stream, const void *x, const float *e, int64_t e_stride, void *y, int64_t n, int64_t hw, int64_t c,
 int32_t dtype) {
  HS_REQUIRE(x && e && y && n >= 0 && hw >= 0 && c >= 0 && e_stride >= c && is_dtype(dtype));
  with_storage(dtype, [&](auto storage) {
    using T = decltype(storage);
    const T *in = static_cast<const T *>(x);
    T *out = static_cast<T *>(y);
    const int64_t block = larger(1, kBlock / larger(1, c));
    const int64_t blocks = ceil_div(hw, block);
    parallel_items(n * blocks, n * hw * c, [=](int64_t item) {
      const int64_t i = item / blocks;
      const int64_t first = (item % blocks) * block;
      const float *added = e + i * e_stride;
      for (int64_t p = first; p < smaller(hw, first + block); p++) {
        const int64_t row = (i * hw + p) * c;
        for_vectors(c, [=]<int B, bool Tail>(int64_t j, int lanes) {
          for (int b = 0; b < B; b++) {
            int64_t at = j + b * kLanes;
            put<Tail>(out + row + at, fetch<Tail>(in + row + at, lanes) + fetch<Tail>(added + at, lanes),
                      lanes);
          }
        });
      }
    });
  });
  return HS_OK;
}

HS_KERNEL(hs_dropout)
(hs_stream, const void *x, void *y, float p, uint64_t seed, const int64_t *sample_ids,
 const uint32_t *draw_pointer, uint32_t layer, int64_t n, int64_t per_sample, int32_t dtype) {
  HS_REQUIRE(x && y && sample_ids && draw_pointer && p >= 0 && p < 1 && n >= 0 && per_sample >= 0);
  HS_REQUIRE(per_sample <= kPhiloxElements && is_dtype(dtype));
  const uint32_t draw = *draw_pointer;
  const PhiloxKey key = dropout_key(seed, layer);
  // An element is dropped when its word lies below p 2^32.
  const uint32_t threshold = static_cast<uint32_t>(static_cast<double>(p) * 4294967296.0);
  const float kept = static_cast<float>(1.0 / (1.0 - static_cast<double>(p)));
  with_storage(dtype, [&](auto storage) {
    using T = decltype(storage);
    const T *in = static_cast<const T *>(x);
    T *out = static_cast<T *>(y);
    philox_samples(key, sample_ids, draw, n, per_sample,
                   [=](int64_t i, int64_t element, const uint32_t *words, int count) {
                     const int64_t at = i * per_sample + element;
                     for (int k = 0; k < count; k++)
                       out[at + k] = from_float<T>(words[k] < threshold ? 0.0f : to_float(in[at + k]) * kept);
                   });
  });
  return HS_OK;
}
