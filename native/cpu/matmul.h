// A small matrix product for attention tiles: C [m, n] (+)= A [m, k] B [k, n], n a multiple of the vector
// width.
#ifndef HALFSTEP_CPU_MATMUL_H
#define HALFSTEP_CPU_MATMUL_H

#include "vector.h"

// Vectors of C held in registers (16 of 32 with AVX-512, 8 of 16 below) and, at most, those of one of its rows: a
// narrow C has more rows in registers.
static constexpr int kTileRegisters = HS_VECTOR_BYTES == 64 ? 16 : 8;
static constexpr int kTileVectors = HS_VECTOR_BYTES == 64 ? 4 : 2;

// A is read element by element: element (i, p) lies at a[i * a_row + p * a_step], so that its transpose needs
// no copy.
struct Left {
  const float *data;
  int64_t row, step;
};

template <int M, int N>
static inline void multiply_tile(int64_t k, Left a, const float *b, int64_t b_row, float *c, int64_t c_row,
                                 bool add) {
  Floats sum[M][N] = {};
  for (int64_t p = 0; p < k; p++) {
    Floats right[N];
#pragma GCC unroll 16
    for (int v = 0; v < N; v++)
      right[v] = load(b + p * b_row + v * kLanes);
#pragma GCC unroll 16
    for (int i = 0; i < M; i++) {
      const Floats left = splat(a.data[i * a.row + p * a.step]);
#pragma GCC unroll 16
      for (int v = 0; v < N; v++)
        sum[i][v] += left * right[v];
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < M; i++)
#pragma GCC unroll 16
    for (int v = 0; v < N; v++) {
      float *at = c + i * c_row + v * kLanes;
      store(at, add ? load(at) + sum[i][v] : sum[i][v]);
    }
}

template <int N>
static inline void multiply_columns(int64_t m, int64_t k, Left a, const float *b, int64_t b_row, float *c,
                                    int64_t c_row, bool add) {
  constexpr int kRows = kTileRegisters / N;
  int64_t i = 0;
  for (; i + kRows <= m; i += kRows)
    multiply_tile<kRows, N>(k, {a.data + i * a.row, a.row, a.step}, b, b_row, c + i * c_row, c_row, add);
  for (; i < m; i++)
    multiply_tile<1, N>(k, {a.data + i * a.row, a.row, a.step}, b, b_row, c + i * c_row, c_row, add);
}

static inline void multiply(int64_t m, int64_t n, int64_t k, Left a, const float *b, int64_t b_row, float *c,
                            int64_t c_row, bool add) {
  int64_t j = 0;
  for (; j + kTileVectors * kLanes <= n; j += kTileVectors * kLanes)
    multiply_columns<kTileVectors>(m, k, a, b + j, b_row, c + j, c_row, add);
  if constexpr (kTileVectors > 2) {
    if (j + 2 * kLanes <= n) {
      multiply_columns<2>(m, k, a, b + j, b_row, c + j, c_row, add);
      j += 2 * kLanes;
    }
  }
  for (; j < n; j += kLanes)
    multiply_columns<1>(m, k, a, b + j, b_row, c + j, c_row, add);
}

#endif
