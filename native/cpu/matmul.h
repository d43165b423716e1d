// Small matrix products for attention tiles: C [m, n] = A [m, k] B [k, n], n a multiple of the vector width.
// What a tile of C starts from and what becomes of it is the caller's, so that softmaxes and sums need no
// pass of their own.
#ifndef HALFSTEP_CPU_MATMUL_H
#define HALFSTEP_CPU_MATMUL_H

#include "ahead.h"
#include "vector.h"

#include <stdint.h>

// Rows of C held in registers, and vectors of each: 16 of 32 registers with AVX-512, 8 of 16 below.
static constexpr int kTileRows = 4;
static constexpr int kTileVectors = HS_VECTOR_BYTES == 64 ? 4 : 2;

static constexpr int kMaxAhead = 2;

// A, read element by element: by rows, or as the transpose of what lies in memory; and what its product with a
// vector of B adds to a sum.
struct Rows {
  const float *data;
  int64_t stride;

  HS_INLINE_MEMBER float at(int64_t i, int64_t p) const { return data[i * stride + p]; }
  static HS_INLINE_MEMBER Floats add(Floats sum, Floats left, Floats right) { return sum + left * right; }
};

struct Columns {
  const float *data;
  int64_t stride;

  HS_INLINE_MEMBER float at(int64_t i, int64_t p) const { return data[p * stride + i]; }
  static HS_INLINE_MEMBER Floats add(Floats sum, Floats left, Floats right) { return sum + left * right; }
};

template <int M, int N, typename Left, typename Tile>
HS_INLINE void multiply_tile(int64_t i, int64_t j, int64_t k, Left a, const float *b, int64_t b_row,
                             Tile tile) {
  Floats sum[M][N];
#pragma GCC unroll 16
  for (int r = 0; r < M; r++)
#pragma GCC unroll 16
    for (int v = 0; v < N; v++)
      sum[r][v] = tile.begin(i + r, j + v * kLanes);
  for (int64_t p = 0; p < k; p++) {
    Floats right[N];
#pragma GCC unroll 16
    for (int v = 0; v < N; v++)
      right[v] = load(b + p * b_row + j + v * kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < M; r++) {
      const Floats left = splat(a.at(i + r, p));
#pragma GCC unroll 16
      for (int v = 0; v < N; v++)
        sum[r][v] = Left::add(sum[r][v], left, right[v]);
    }
  }
  tile.template end<M, N>(i, j, sum);
}

template <int N, typename Left, typename Tile>
static void multiply_columns(int64_t j, int64_t m, int64_t k, Left a, const float *b, int64_t b_row,
                             Tile tile, Ahead *ahead, int64_t ahead_count) {
  for (int64_t f = 0; f < ahead_count; f++)
    ahead[f].divide(ceil_div(m, kTileRows));
  int64_t i = 0;
  for (; i + kTileRows <= m; i += kTileRows) {
    for (int64_t f = 0; f < ahead_count; f++)
      ahead[f].fetch<0>();
    multiply_tile<kTileRows, N>(i, j, k, a, b, b_row, tile);
  }
  for (; i < m; i++)
    multiply_tile<1, N>(i, j, k, a, b, b_row, tile);
}

// `first` and `second` are asked for with the first columns, a part with each tile of rows.
// tile.begin(i, j) is what the vector of C at row i and column j starts from; tile.end<M, N>(i, j, sum) takes
// the finished tile of M rows and N vectors whose first element is there.
template <typename Left, typename Tile>
static void multiply(int64_t m, int64_t n, int64_t k, Left a, const float *b, int64_t b_row, Tile tile,
                     Ahead first = {}, Ahead second = {}) {
  Ahead ahead[kMaxAhead] = {first, second};
  int64_t j = 0, fetched = first.items + second.items > 0 ? kMaxAhead : 0; // by the first columns
  for (; j + kTileVectors * kLanes <= n; j += kTileVectors * kLanes, fetched = 0)
    multiply_columns<kTileVectors>(j, m, k, a, b, b_row, tile, ahead, fetched);
  if constexpr (kTileVectors > 2) {
    if (j + 2 * kLanes <= n) {
      multiply_columns<2>(j, m, k, a, b, b_row, tile, ahead, fetched);
      j += 2 * kLanes;
      fetched = 0;
    }
  }
  for (; j < n; j += kLanes, fetched = 0)
    multiply_columns<1>(j, m, k, a, b, b_row, tile, ahead, fetched);
}

// Adds to C.
struct Added {
  float *c;
  int64_t row;

  HS_INLINE_MEMBER Floats begin(int64_t i, int64_t j) const { return load(c + i * row + j); }

  template <int M, int N> HS_INLINE_MEMBER void end(int64_t i, int64_t j, const Floats (&sum)[M][N]) const {
#pragma GCC unroll 16
    for (int r = 0; r < M; r++)
#pragma GCC unroll 16
      for (int v = 0; v < N; v++)
        store(c + (i + r) * row + j + v * kLanes, sum[r][v]);
  }
};

#endif
