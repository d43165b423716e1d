// Kernels that read and write each element once: sums, dropout, column copies, conversions.
#include "parallel.h"
#include "philox.h"
#include "variant.h"
#include "vector.h"

#include <math.h>

static constexpr int64_t kBlock = 8192;

HS_KERNEL(hs_add)(hs_stream, const struct hs_add *args) {
  HS_REQUIRE(args && args->a && args->b && args->y && args->count >= 0 && is_dtype(args->dtype));
  with_storage(args->dtype, [&](auto storage) {
    using T = decltype(storage);
    const T *left = static_cast<const T *>(args->a);
    const T *right = static_cast<const T *>(args->b);
    T *out = static_cast<T *>(args->y);
    parallel_blocks(args->count, kBlock, [=](int64_t begin, int64_t end) {
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

HS_KERNEL(hs_clamp)(hs_stream, const struct hs_clamp *args) {
  HS_REQUIRE(args && args->x && args->y && args->low <= args->high && args->count >= 0 &&
             is_dtype(args->dtype));
  const float low = args->low, high = args->high;
  with_storage(args->dtype, [&](auto storage) {
    using T = decltype(storage);
    const T *in = static_cast<const T *>(args->x);
    T *out = static_cast<T *>(args->y);
    parallel_blocks(args->count, kBlock, [=](int64_t begin, int64_t end) {
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

HS_KERNEL(hs_convert)(hs_stream, const struct hs_convert *args) {
  HS_REQUIRE(args && args->src && args->dst && args->count >= 0 && is_dtype(args->src_dtype) &&
             is_dtype(args->dst_dtype));
  with_storage(args->src_dtype, [&](auto from_storage) {
    with_storage(args->dst_dtype, [&](auto to_storage) {
      using From = decltype(from_storage);
      using To = decltype(to_storage);
      const From *from = static_cast<const From *>(args->src);
      To *to = static_cast<To *>(args->dst);
      parallel_blocks(args->count, kBlock, [=](int64_t begin, int64_t end) {
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

HS_KERNEL(hs_copy_columns)(hs_stream, const struct hs_copy_columns *args) {
  HS_REQUIRE(args && args->src && args->dst && args->rows >= 0 && args->columns >= 0 &&
             is_dtype(args->dtype));
  HS_REQUIRE(args->src_offset >= 0 && args->src_offset + args->columns <= args->src_stride);
  HS_REQUIRE(args->dst_offset >= 0 && args->dst_offset + args->columns <= args->dst_stride);
  const int64_t rows = args->rows, columns = args->columns;
  const int64_t src_stride = args->src_stride, dst_stride = args->dst_stride;
  const bool accumulate = args->accumulate != 0;
  with_storage(args->dtype, [&](auto storage) {
    using T = decltype(storage);
    const T *from = static_cast<const T *>(args->src) + args->src_offset;
    T *to = static_cast<T *>(args->dst) + args->dst_offset;
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

HS_KERNEL(hs_add_per_channel)(hs_stream, const struct hs_add_per_channel *args) {
  HS_REQUIRE(args && args->x && args->e && args->y && args->n >= 0 && args->hw >= 0 && args->c >= 0 &&
             args->e_stride >= args->c && is_dtype(args->dtype));
  const int64_t hw = args->hw, c = args->c, e_stride = args->e_stride;
  const float *e = args->e;
  with_storage(args->dtype, [&](auto storage) {
    using T = decltype(storage);
    const T *in = static_cast<const T *>(args->x);
    T *out = static_cast<T *>(args->y);
    const int64_t block = larger(1, kBlock / larger(1, c));
    const int64_t blocks = ceil_div(hw, block);
    parallel_items(args->n * blocks, args->n * hw * c, [=](int64_t item) {
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

HS_KERNEL(hs_dropout)(hs_stream, const struct hs_dropout *args) {
  HS_REQUIRE(args && args->x && args->y && args->sample_ids && args->draw && args->p >= 0 && args->p < 1 &&
             args->n >= 0 && args->per_sample >= 0 && args->per_sample <= kPhiloxElements &&
             is_dtype(args->dtype));
  const int64_t per_sample = args->per_sample;
  const PhiloxKey key = dropout_key(args->seed, args->layer);
  const double p = static_cast<double>(args->p);
  // An element is dropped when its word lies below p 2^32.
  const uint32_t threshold = static_cast<uint32_t>(p * 4294967296.0);
  const float kept = static_cast<float>(1.0 / (1.0 - p));
  with_storage(args->dtype, [&](auto storage) {
    using T = decltype(storage);
    const T *in = static_cast<const T *>(args->x);
    T *out = static_cast<T *>(args->y);
    philox_samples(key, args->sample_ids, *args->draw, args->n, per_sample,
                   [=](int64_t i, int64_t element, const uint32_t *words, int count) {
                     const int64_t at = i * per_sample + element;
                     for (int k = 0; k < count; k++)
                       out[at + k] = from_float<T>(words[k] < threshold ? 0.0f : to_float(in[at + k]) * kept);
                   });
  });
  return HS_OK;
}
