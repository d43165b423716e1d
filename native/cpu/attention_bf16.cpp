// Attention forward with products of bfloat16, two terms of a sum at a time, summed in float32: twice as many in
// an instruction as of float32. Queries, keys and values are multiplied as they are stored; probabilities are
// rounded to bfloat16 before they weigh values. Compiled for processors that have such products only.
#include "attention_bf16.h"

#include "attention_tiles.h"

namespace {

// Two numbers in the place of a float, the first in its lower half, which nothing but this product looks into.
struct Pairs {
  static HS_INLINE_MEMBER Floats add(Floats sum, Floats left, Floats right) {
    return _mm512_dpbf16_ps(sum, (__m512bh)left, (__m512bh)right);
  }
};

// Pairs of channels of a row, as they lie in memory.
struct PairRows : Pairs {
  HeadRows<const Bf16> rows;

  HS_INLINE_MEMBER float at(int64_t i, int64_t p) const {
    float pair;
    __builtin_memcpy(&pair, rows.at(i) + 2 * p, sizeof pair);
    return pair;
  }
};

// Pairs of rows [rows / 2, channels], the transpose of which is read.
struct PairColumns : Pairs {
  const float *data;
  int64_t stride;

  HS_INLINE_MEMBER float at(int64_t i, int64_t p) const { return data[p * stride + i]; }
};

// Each lane of `second`, rounded, in the upper half of the lane, and of `first` in the lower.
HS_INLINE Floats pair_lanes(Floats first, Floats second) {
  alignas(64) static const uint16_t kPlaces[32] = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                                   8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  const __m512i both = (__m512i)_mm512_cvtne2ps_pbh(second, first);
  return (Floats)_mm512_maskz_permutexvar_epi16(0xffffffffu, _mm512_load_si512(kPlaces), both);
}

// V vectors of columns of `softmax`.
template <int V>
HS_INLINE void softmax_columns(float *scores, int64_t row, int64_t keys, const float *before,
                               const float *largest, float *sums, float *shrink) {
  Floats top[V], sum[V] = {};
#pragma GCC unroll 4
  for (int v = 0; v < V; v++)
    top[v] = load(largest + v * kLanes);
  for (int64_t k = 0; k < keys; k += 2)
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) {
      const float *pair = scores + k * row + v * kLanes;
      const Floats p = power_of_two(load(pair) - top[v]);
      const Floats q = k + 1 < keys ? power_of_two(load(pair + row) - top[v]) : Floats{};
      store(scores + k / 2 * row + v * kLanes, pair_lanes(p, q)); // read before: k / 2 <= k
      sum[v] += p + q;
    }
  for (int v = 0; v < V; v++) {
    const Floats factor = power_of_two(load(before + v * kLanes) - top[v]);
    store(shrink + v * kLanes, factor);
    store(sums + v * kLanes, load(sums + v * kLanes) * factor + sum[v]);
  }
}

struct PairProducts {
  static HS_INLINE_MEMBER int64_t terms(int64_t count) { return (count + 1) / 2; }

  static HS_INLINE_MEMBER Floats score(Floats sum, float factor) { return sum * factor; }

  // qt [d / 2, queries]: pairs of channels.
  template <int Block>
  static void pack_queries(HeadRows<const Bf16> q, int64_t first, int64_t rows, int64_t d, float,
                           float *rows_buffer, float *qt, int64_t columns) {
    const int64_t pairs = d / 2, padded = whole_vectors(pairs);
    for (int64_t r = 0; r < rows; r++)
      __builtin_memcpy(rows_buffer + r * padded, q.at(first + r), sizeof(Bf16) * static_cast<size_t>(d));
    transpose(rows_buffer, padded, rows, padded, qt, Block, columns);
  }

  static PairRows keys(HeadRows<const Bf16> k, int64_t first, int64_t, int64_t, float *) {
    return {{}, {k.at(first), k.row}};
  }

  // As softmax_tile, and the powers [keys, queries] become pairs of keys [keys / 2, queries].
  static void softmax(float *scores, int64_t row, int64_t keys, int64_t columns, const float *before,
                      const float *largest, float *sums, float *shrink) {
    int64_t j = 0;
    for (; j + 2 * kLanes <= columns; j += 2 * kLanes)
      softmax_columns<2>(scores + j, row, keys, before + j, largest + j, sums + j, shrink + j);
    for (; j < columns; j += kLanes)
      softmax_columns<1>(scores + j, row, keys, before + j, largest + j, sums + j, shrink + j);
  }

  // Pairs of rows; the one after the last is zero.
  static PairColumns values(HeadRows<const Bf16> v, int64_t first, int64_t rows, int64_t d, float *buffer) {
    const int64_t stride = whole_vectors(d);
    for (int64_t r = 0; r < rows; r += 2)
      for_vectors(d, [=]<int B, bool Tail>(int64_t j, int lanes) {
        for (int b = 0; b < B; b++) {
          const int64_t at = j + b * kLanes;
          const Words low = (Words)fetch<Tail>(v.at(first + r) + at, lanes) >> 16;
          const Words high = r + 1 < rows ? (Words)fetch<Tail>(v.at(first + r + 1) + at, lanes) : Words{};
          store(buffer + r / 2 * stride + at, (Floats)(high | low));
        }
      });
    return {{}, buffer, stride};
  }
};

} // namespace

int attention_forward_bf16(const hs_attention *args) {
  if (args->d <= 64)
    forward<PairProducts, 64, 64, Bf16>(*args);
  else
    forward<PairProducts, 32, kMaxPairedWidth, Bf16>(*args);
  return HS_OK;
}
