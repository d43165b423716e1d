// Attention on the tensor cores: bfloat16 heads of up to 128 channels, a multiple of 8.
//
// A block of four warps owns 64 rows of one head, queries or, in the gradient of keys and values, keys; a
// warp owns 16 of them and holds their scores against a tile of columns, and their results, in registers. Per
// tile a block reads 2 x 64 x D elements and multiplies 2 x 64 x 64 x D, some 64 operations per byte even
// from the L2 cache.
#include "attention.cuh"
#include "mma.cuh"

#include <math.h>

static constexpr float kLog2E = 1.4426950408889634f;

template <int Width> struct Matrix {
  static constexpr int D = Width, kRows = 64, kThreads = 128;
  static constexpr int kColumns = D <= 64 ? 64 : 32; // what leaves enough registers for two results of 16 x D
  static constexpr int kTiles = kColumns / 8;
  static constexpr int kRowTile = kRows * matrix_row<D>(),
                       kColumnTile = kColumns * matrix_row<D>(); // elements
};

// tile [Rows, D] = rows first.. of a [t, d] array, zero past its end and past d.
template <int D, int Rows>
__device__ inline void load_tile(const Bf16 *from, int64_t row, int64_t first, int64_t t, int d, Bf16 *tile) {
  constexpr int kPacks = D / 8;
  for (int item = static_cast<int>(threadIdx.x); item < Rows * kPacks; item += 128) {
    const int r = item / kPacks, j = item % kPacks * 8;
    uint4 pack = {0, 0, 0, 0};
    if (first + r < t && j < d)
      pack = load_word<uint4>(from + (first + r) * row + j);
    store_word(tile + r * matrix_row<D>() + j, pack);
  }
}

// Writes rows g and g + 8 of a warp's result, each times its factor.
template <int D>
__device__ inline void write_rows(const float (&sum)[D / 8][4], float factor0, float factor1, int64_t first,
                                  int64_t t, int d, Bf16 *to, int64_t row) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int64_t row0 = first + lane / 4, row1 = row0 + 8;
#pragma unroll
  for (int j = 0; j < D / 8; j++) {
    const int column = j * 8 + lane % 4 * 2;
    if (column >= d)
      continue;
    if (row0 < t)
      store_word(to + row0 * row + column, bf16_pair(sum[j][0] * factor0, sum[j][1] * factor0));
    if (row1 < t)
      store_word(to + row1 * row + column, bf16_pair(sum[j][2] * factor1, sum[j][3] * factor1));
  }
}

__device__ inline float quad_largest(float value) {
  value = fmaxf(value, __shfl_xor_sync(kAllLanes, value, 1));
  return fmaxf(value, __shfl_xor_sync(kAllLanes, value, 2));
}

__device__ inline float quad_sum(float value) {
  value += __shfl_xor_sync(kAllLanes, value, 1);
  return value + __shfl_xor_sync(kAllLanes, value, 2);
}

template <int Width> __global__ void __launch_bounds__(128) attend_matrix(hs_attention args, float scale) {
  using M = Matrix<Width>;
  Bf16 *q = dynamic_shared<Bf16>(), *k = q + M::kRowTile, *v = k + M::kColumnTile;
  const Head head(args, blockIdx.x);
  const int lane = static_cast<int>(threadIdx.x) % kWarp, warp = static_cast<int>(threadIdx.x) / kWarp;
  const int64_t first = int64_t{blockIdx.y} * M::kRows;
  const Bf16 *qkv = static_cast<const Bf16 *>(args.qkv);
  const float scale2 = scale * kLog2E; // exp(x) = 2^(x log2 e)
  load_tile<Width, M::kRows>(qkv + head.q, head.row, first, args.t, args.d, q);
  float sum[Width / 8][4] = {};
  float largest[2] = {-INFINITY, -INFINITY},
        total[2] = {}; // of rows g and g + 8; total: of this lane's columns
  for (int64_t key = 0; key < args.t; key += M::kColumns) {
    __syncthreads();
    load_tile<Width, M::kColumns>(qkv + head.k, head.row, key, args.t, args.d, k);
    load_tile<Width, M::kColumns>(qkv + head.v, head.row, key, args.t, args.d, v);
    __syncthreads();
    float scores[M::kTiles][4] = {};
    multiply_rows<Width>(q + warp * 16 * matrix_row<Width>(), k, scores);
    float top[2] = {largest[0], largest[1]};
#pragma unroll
    for (int tile = 0; tile < M::kTiles; tile++)
#pragma unroll
      for (int e = 0; e < 4; e++) {
        if (key + tile * 8 + lane % 4 * 2 + e % 2 >= args.t)
          scores[tile][e] = -INFINITY;
        top[e / 2] = fmaxf(top[e / 2], scores[tile][e]);
      }
    float shrink[2];
#pragma unroll
    for (int r = 0; r < 2; r++) {
      top[r] = quad_largest(top[r]);
      shrink[r] = exp2f((largest[r] - top[r]) * scale2);
      largest[r] = top[r];
      total[r] *= shrink[r];
    }
#pragma unroll
    for (int tile = 0; tile < M::kTiles; tile++)
#pragma unroll
      for (int e = 0; e < 4; e++) {
        scores[tile][e] = exp2f((scores[tile][e] - top[e / 2]) * scale2);
        total[e / 2] += scores[tile][e];
      }
#pragma unroll
    for (int j = 0; j < Width / 8; j++)
#pragma unroll
      for (int e = 0; e < 4; e++)
        sum[j][e] *= shrink[e / 2];
    multiply_weights<Width>(scores, v, sum);
  }
  total[0] = quad_sum(total[0]);
  total[1] = quad_sum(total[1]);
  const int64_t own = first + warp * 16;
  write_rows<Width>(sum, 1.0f / total[0], 1.0f / total[1], own, args.t, args.d,
                    static_cast<Bf16 *>(args.y) + head.y, head.y_row);
  if (args.logsumexp == nullptr || lane % 4 != 0)
    return;
#pragma unroll
  for (int r = 0; r < 2; r++)
    if (own + lane / 4 + 8 * r < args.t)
      args.logsumexp[int64_t{blockIdx.x} * args.t + own + lane / 4 + 8 * r] =
          largest[r] * scale + logf(total[r]);
}

// With Keys, the rows are keys, and the result their gradient and that of the values; else the rows are
// queries.
template <int Width, bool Keys>
__global__ void __launch_bounds__(128) attend_matrix_gradient(hs_attention args, float scale) {
  using M = Matrix<Width>;
  Bf16 *row_scores = dynamic_shared<Bf16>(), *row_gradients = row_scores + M::kRowTile;
  Bf16 *column_scores = row_gradients + M::kRowTile, *column_gradients = column_scores + M::kColumnTile;
  __shared__ float offsets[64],
      means[64]; // of the tokens that are queries: log2(e) logsumexp, and the row products
  const Head head(args, blockIdx.x);
  const int lane = static_cast<int>(threadIdx.x) % kWarp, warp = static_cast<int>(threadIdx.x) / kWarp;
  const int64_t first = int64_t{blockIdx.y} * M::kRows, unit = blockIdx.x;
  const Bf16 *qkv = static_cast<const Bf16 *>(args.qkv), *dy = static_cast<const Bf16 *>(args.dy) + head.y;
  const Bf16 *row_from = qkv + (Keys ? head.k : head.q), *gradient_from = Keys ? qkv + head.v : dy;
  const Bf16 *column_from = qkv + (Keys ? head.q : head.k), *column_gradient_from = Keys ? dy : qkv + head.v;
  const int64_t gradient_row = Keys ? head.row : head.y_row,
                column_gradient_row = Keys ? head.y_row : head.row;
  const float scale2 = scale * kLog2E;
  // Past the end an infinite offset makes every probability zero.
  const auto load_queries = [&](int64_t from, int count) {
    const int i = static_cast<int>(threadIdx.x);
    if (i >= count)
      return;
    const bool inside = from + i < args.t;
    offsets[i] = inside ? args.logsumexp[unit * args.t + from + i] * kLog2E : INFINITY;
    means[i] = inside ? args.workspace[unit * args.t + from + i] : 0.0f;
  };
  load_tile<Width, M::kRows>(row_from, head.row, first, args.t, args.d, row_scores);
  load_tile<Width, M::kRows>(gradient_from, gradient_row, first, args.t, args.d, row_gradients);
  float own_offset[2] = {}, own_mean[2] = {};
  if constexpr (!Keys) {
    load_queries(first, M::kRows);
    __syncthreads();
#pragma unroll
    for (int r = 0; r < 2; r++) {
      own_offset[r] = offsets[warp * 16 + lane / 4 + 8 * r];
      own_mean[r] = means[warp * 16 + lane / 4 + 8 * r];
    }
  }
  const int own_rows = warp * 16 * matrix_row<Width>();
  float sum[Width / 8][4] = {}, sum_values[Keys ? Width / 8 : 1][4] = {};
  for (int64_t column = 0; column < args.t; column += M::kColumns) {
    __syncthreads();
    load_tile<Width, M::kColumns>(column_from, head.row, column, args.t, args.d, column_scores);
    load_tile<Width, M::kColumns>(column_gradient_from, column_gradient_row, column, args.t, args.d,
                                  column_gradients);
    if constexpr (Keys)
      load_queries(column, M::kColumns);
    __syncthreads();
    float p[M::kTiles][4] = {}, slopes[M::kTiles][4] = {};
    multiply_rows<Width>(row_scores + own_rows, column_scores, p);
    multiply_rows<Width>(row_gradients + own_rows, column_gradients, slopes);
#pragma unroll
    for (int tile = 0; tile < M::kTiles; tile++)
#pragma unroll
      for (int e = 0; e < 4; e++) {
        const int at = tile * 8 + lane % 4 * 2 + e % 2;
        const float offset = Keys ? offsets[at] : own_offset[e / 2],
                    mean = Keys ? means[at] : own_mean[e / 2];
        p[tile][e] = exp2f(p[tile][e] * scale2 - offset);
        slopes[tile][e] = p[tile][e] * (slopes[tile][e] - mean);
      }
    multiply_weights<Width>(slopes, column_scores, sum);
    if constexpr (Keys)
      multiply_weights<Width>(p, column_gradients, sum_values);
  }
  const int64_t own = first + warp * 16;
  Bf16 *dqkv = static_cast<Bf16 *>(args.dqkv);
  write_rows<Width>(sum, scale, scale, own, args.t, args.d, dqkv + (Keys ? head.k : head.q), head.row);
  if constexpr (Keys)
    write_rows<Width>(sum_values, 1.0f, 1.0f, own, args.t, args.d, dqkv + head.v, head.row);
}

bool suits_tensor_cores(const hs_attention &args, bool backward) {
  return args.dtype == HS_BF16 && args.d % 8 == 0 && args.d <= 128 && aligned(args.qkv, args.y) &&
         (!backward || aligned(args.dy, args.dqkv));
}

static float scale_of(const hs_attention &args) {
  return static_cast<float>(1.0 / sqrt(static_cast<double>(args.d)));
}

template <typename Body> static int with_width(int32_t d, Body &&body) {
  return d <= 32 ? body(Matrix<32>{}) : d <= 64 ? body(Matrix<64>{}) : body(Matrix<128>{});
}

int tensor_core_attention_forward(hs_stream stream, const hs_attention &args) {
  return with_width(args.d, [&](auto matrix) {
    using M = decltype(matrix);
    const int64_t bytes = (M::kRowTile + 2 * M::kColumnTile) * static_cast<int64_t>(sizeof(Bf16));
    return launch(attend_matrix<M::D>, attention_grid(args, M::kRows), M::kThreads, bytes, stream, args,
                  scale_of(args));
  });
}

int tensor_core_attention_backward(hs_stream stream, const hs_attention &args) {
  return with_width(args.d, [&](auto matrix) {
    using M = decltype(matrix);
    const int64_t bytes = 2 * (M::kRowTile + M::kColumnTile) * static_cast<int64_t>(sizeof(Bf16));
    const dim3 grid = attention_grid(args, M::kRows);
    HS_LAUNCHED(
        launch(attend_matrix_gradient<M::D, true>, grid, M::kThreads, bytes, stream, args, scale_of(args)));
    return launch(attend_matrix_gradient<M::D, false>, grid, M::kThreads, bytes, stream, args,
                  scale_of(args));
  });
}
