// Attention forward, with products of float32; attention_bf16.cpp has those of bfloat16.
#include "attention_tiles.h"

#include "attention_bf16.h"

// V vectors of columns of `softmax_tile`.
template <int V>
static inline void softmax_columns(float *scores, int64_t row, int64_t keys, const float *before,
                                   const float *largest, float *sums, float *shrink) {
  Floats top[V], sum[V] = {};
#pragma GCC unroll 4
  for (int v = 0; v < V; v++)
    top[v] = load(largest + v * kLanes);
  for (int64_t k = 0; k < keys; k++)
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) {
      const Floats p = power_of_two(load(scores + k * row + v * kLanes) - top[v]);
      store(scores + k * row + v * kLanes, p);
      sum[v] += p;
    }
  for (int v = 0; v < V; v++) {
    const Floats factor = power_of_two(load(before + v * kLanes) - top[v]);
    store(shrink + v * kLanes, factor);
    store(sums + v * kLanes, load(sums + v * kLanes) * factor + sum[v]);
  }
}

// The softmax of one more tile of scores [keys, columns], a query per column: scores become
// 2^(score - largest), `sums` are brought up to date, and `shrink` is what earlier results, relative to the
// maxima `before`, must be multiplied by.
static void softmax_tile(float *scores, int64_t row, int64_t keys, int64_t columns, const float *before,
                         const float *largest, float *sums, float *shrink) {
  int64_t j = 0;
  for (; j + 4 * kLanes <= columns; j += 4 * kLanes)
    softmax_columns<4>(scores + j, row, keys, before + j, largest + j, sums + j, shrink + j);
  for (; j < columns; j += kLanes)
    softmax_columns<1>(scores + j, row, keys, before + j, largest + j, sums + j, shrink + j);
}

namespace {

// Factors of float32: what is stored as bfloat16 is widened first. Queries carry the factor of the scores.
template <typename T> struct FloatProducts {
  static HS_INLINE_MEMBER int64_t terms(int64_t count) { return count; }

  static HS_INLINE_MEMBER Floats score(Floats sum, float) { return sum; }

  template <int Block>
  static void pack_queries(HeadRows<const T> q, int64_t first, int64_t rows, int64_t d, float factor,
                           float *rows_buffer, float *qt, int64_t columns) {
    const int64_t padded = whole_vectors(d);
    pack_rows(q, first, rows, d, factor, rows_buffer);
    transpose(rows_buffer, padded, rows, padded, qt, Block, columns);
  }

  static Rows keys(HeadRows<const T> k, int64_t first, int64_t rows, int64_t d, float *buffer) {
    return rows_of<T>(k, first, rows, d, buffer);
  }

  static void softmax(float *scores, int64_t row, int64_t keys, int64_t columns, const float *before,
                      const float *largest, float *sums, float *shrink) {
    softmax_tile(scores, row, keys, columns, before, largest, sums, shrink);
  }

  static Columns values(HeadRows<const T> v, int64_t first, int64_t rows, int64_t d, float *buffer) {
    const Rows values = rows_of<T>(v, first, rows, d, buffer);
    return {values.data, values.stride};
  }
};

} // namespace

// Blocks shrink as heads widen, so that a thread's tiles stay within its stack and its cache.
HS_KERNEL(hs_attention_forward)(hs_stream, const hs_attention *args) {
  HS_REQUIRE(valid(args));
  if (args->d > kMaxWidth)
    return HS_UNSUPPORTED;
#if defined(__AVX512F__)
  if (attention_multiplies_bf16(args))
    return attention_forward_bf16(args);
#endif
  with_storage(args->dtype, [&](auto storage) {
    using T = decltype(storage);
    using Products = FloatProducts<T>;
    if (args->d <= 64)
      forward<Products, 64, 64, T>(*args);
    else if (args->d <= 256)
      forward<Products, 32, 256, T>(*args);
    else if (args->d <= 512)
      forward<Products, 32, 512, T>(*args);
    else
      forward<Products, 32, kMaxWidth, T>(*args);
  });
  return HS_OK;
}
