// Attention on the tensor cores: bfloat16 heads of up to 160 channels, a multiple of 8; whole tiles
// are as wide as the head, rounded up to 16.
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
  // What leaves enough registers for two results of 16 x D.
  static constexpr int kColumns = D <= 64 ? 64 : D <= 128 ? 32 : 16;
  static constexpr int kTiles = kColumns / 8;
  static constexpr int kRowTile = kRows * matrix_row<D>(),
                       kColumnTile = kColumns * matrix_row<D>(); // elements
};

// tile [Rows, D] = rows first.. of an array of `count`, zero past its end and past d.
template <int D, int Rows>
__device__ inline void load_tile(const Bf16 *from, int64_t row, int64_t first, int64_t count, int d,
                                 Bf16 *tile) {
  constexpr int kPacks = D / 8;
  for (int item = static_cast<int>(threadIdx.x); item < Rows * kPacks; item += 128) {
    const int r = item / kPacks, j = item % kPacks * 8;
    uint4 pack = {0, 0, 0, 0};
    if (first + r < count && j < d)
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

template <int Width> __global__ void __launch_bounds__(128) attend_matrix(hs_attention args) {
  using M = Matrix<Width>;
  Bf16 *q = dynamic_shared<Bf16>(), *k = q + M::kRowTile, *v = k + M::kColumnTile;
  const Head head(args, blockIdx.x);
  const int lane = static_cast<int>(threadIdx.x) % kWarp, warp = static_cast<int>(threadIdx.x) / kWarp;
  const int64_t first = int64_t{blockIdx.y} * M::kRows;
  const Bf16 *queries = static_cast<const Bf16 *>(args.q) + head.q;
  const Bf16 *keys = static_cast<const Bf16 *>(args.k) + head.k;
  const Bf16 *values = static_cast<const Bf16 *>(args.v) + head.v;
  const float scale2 = args.scale * kLog2E; // exp(x) = 2^(x log2 e)
  load_tile<Width, M::kRows>(queries, args.q_row, first, args.tq, args.d, q);
  float sum[Width / 8][4] = {};
  float largest[2] = {-INFINITY, -INFINITY},
        total[2] = {}; // of rows g and g + 8; total: of this lane's columns
  const int64_t own = first + warp * 16, row = own + lane / 4;
  const Columns columns = keys_of(args, head, first, M::kRows);
  for (int64_t key = columns.begin; key < columns.end; key += M::kColumns) {
    __syncthreads();
    load_tile<Width, M::kColumns>(keys, args.k_row, key, columns.end, args.d, k);
    load_tile<Width, M::kColumns>(values, args.v_row, key, columns.end, args.d, v);
    __syncthreads();
    float scores[M::kTiles][4] = {};
    multiply_rows<Width>(q + warp * 16 * matrix_row<Width>(), k, scores);
    float top[2] = {largest[0], largest[1]};
#pragma unroll
    for (int tile = 0; tile < M::kTiles; tile++)
#pragma unroll
      for (int e = 0; e < 4; e++) {
        const int64_t column = key + tile * 8 + lane % 4 * 2 + e % 2;
        if (column >= columns.end || (args.causal && column > row + e / 2 * 8))
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
  write_rows<Width>(sum, 1.0f / total[0], 1.0f / total[1], own, args.tq, args.d,
                    static_cast<Bf16 *>(args.y) + head.y, args.y_row);
  if (args.logsumexp == nullptr || lane % 4 != 0)
    return;
#pragma unroll
  for (int r = 0; r < 2; r++)
    if (row + 8 * r < args.tq)
      args.logsumexp[int64_t{blockIdx.x} * args.tq + row + 8 * r] =
          largest[r] * args.scale + logf(total[r]);
}

// With Keys, the rows are keys, and the result their gradient and that of the values; else the rows are
// queries.
template <int Width, bool Keys>
__global__ void __launch_bounds__(128) attend_matrix_gradient(hs_attention args) {
  using M = Matrix<Width>;
  Bf16 *row_scores = dynamic_shared<Bf16>(), *row_gradients = row_scores + M::kRowTile;
  Bf16 *column_scores = row_gradients + M::kRowTile, *column_gradients = column_scores + M::kColumnTile;
  __shared__ float offsets[64],
      means[64]; // of the tokens that are queries: log2(e) logsumexp, and the row products
  const Head head(args, blockIdx.x);
  const int lane = static_cast<int>(threadIdx.x) % kWarp, warp = static_cast<int>(threadIdx.x) / kWarp;
  const int64_t first = int64_t{blockIdx.y} * M::kRows, unit = blockIdx.x;
  const Bf16 *q = static_cast<const Bf16 *>(args.q) + head.q, *k = static_cast<const Bf16 *>(args.k) + head.k;
  const Bf16 *v = static_cast<const Bf16 *>(args.v) + head.v, *dy = static_cast<const Bf16 *>(args.dy) + head.y;
  const int64_t rows = Keys ? args.tk : args.tq;
  const float scale2 = args.scale * kLog2E;
  // Past the end an infinite offset makes every probability zero.
  const auto load_queries = [&](int64_t from, int count) {
    const int i = static_cast<int>(threadIdx.x);
    if (i >= count)
      return;
    const bool inside = from + i < args.tq;
    offsets[i] = inside ? args.logsumexp[unit * args.tq + from + i] * kLog2E : INFINITY;
    means[i] = inside ? args.workspace[unit * args.tq + from + i] : 0.0f;
  };
  load_tile<Width, M::kRows>(Keys ? k : q, Keys ? args.k_row : args.q_row, first, rows, args.d, row_scores);
  load_tile<Width, M::kRows>(Keys ? v : dy, Keys ? args.v_row : args.y_row, first, rows, args.d,
                             row_gradients);
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
  const int64_t own = first + warp * 16, row = own + lane / 4;
  const Columns columns = Keys ? queries_of(args, first) : keys_of(args, head, first, M::kRows);
  for (int64_t column = columns.begin; column < columns.end; column += M::kColumns) {
    __syncthreads();
    load_tile<Width, M::kColumns>(Keys ? q : k, Keys ? args.q_row : args.k_row, column, columns.end, args.d,
                                  column_scores);
    load_tile<Width, M::kColumns>(Keys ? dy : v, Keys ? args.y_row : args.v_row, column, columns.end, args.d,
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
        const int64_t own_row = row + e / 2 * 8, other = column + at;
        const bool seen = Keys ? sees(args, head, other, own_row) : sees(args, head, own_row, other);
        p[tile][e] = seen ? exp2f(p[tile][e] * scale2 - offset) : 0.0f;
        slopes[tile][e] = p[tile][e] * (slopes[tile][e] - mean);
      }
    multiply_weights<Width>(slopes, column_scores, sum);
    if constexpr (Keys)
      multiply_weights<Width>(p, column_gradients, sum_values);
  }
  if constexpr (Keys) {
    write_rows<Width>(sum, args.scale, args.scale, own, rows, args.d, static_cast<Bf16 *>(args.dk) + head.k,
                      args.k_row);
    write_rows<Width>(sum_values, 1.0f, 1.0f, own, rows, args.d, static_cast<Bf16 *>(args.dv) + head.v,
                      args.v_row);
  } else {
    write_rows<Width>(sum, args.scale, args.scale, own, rows, args.d, static_cast<Bf16 *>(args.dq) + head.q,
                      args.q_row);
  }
}

// Whether rows begin at whole packs of 16 bytes.
static bool whole_packs(int64_t sample, int64_t row, int64_t head) {
  return sample % 8 == 0 && row % 8 == 0 && head % 8 == 0;
}

bool suits_tensor_cores(const hs_attention &args, bool backward) {
  return args.dtype == HS_BF16 && args.d % 8 == 0 && args.d <= 160 &&
         whole_packs(args.q_sample, args.q_row, args.q_head) &&
         whole_packs(args.k_sample, args.k_row, args.k_head) &&
         whole_packs(args.v_sample, args.v_row, args.v_head) &&
         whole_packs(args.y_sample, args.y_row, args.y_head) && aligned(args.q, args.k, args.v, args.y) &&
         (!backward || aligned(args.dy, args.dq, args.dk, args.dv));
}

template <typename Body> static int with_width(int32_t d, Body &&body) {
  switch ((d + 15) / 16) {
  case 1:
    return body(Matrix<16>{});
  case 2:
    return body(Matrix<32>{});
  case 3:
    return body(Matrix<48>{});
  case 4:
    return body(Matrix<64>{});
  case 5:
    return body(Matrix<80>{});
  case 6:
    return body(Matrix<96>{});
  case 7:
  case 8:
    return body(Matrix<128>{});
  default:
    return body(Matrix<160>{});
  }
}

int tensor_core_attention_forward(hs_stream stream, const hs_attention &args) {
  return with_width(args.d, [&](auto matrix) {
    using M = decltype(matrix);
    const int64_t bytes = (M::kRowTile + 2 * M::kColumnTile) * static_cast<int64_t>(sizeof(Bf16));
    return launch(attend_matrix<M::D>, attention_grid(args, args.tq, M::kRows), M::kThreads, bytes, stream,
                  args);
  });
}

int tensor_core_attention_backward(hs_stream stream, const hs_attention &args) {
  return with_width(args.d, [&](auto matrix) {
    using M = decltype(matrix);
    const int64_t bytes = 2 * (M::kRowTile + M::kColumnTile) * static_cast<int64_t>(sizeof(Bf16));
    HS_LAUNCHED(launch(attend_matrix_gradient<M::D, true>, attention_grid(args, args.tk, M::kRows),
                       M::kThreads, bytes, stream, args));
    return launch(attend_matrix_gradient<M::D, false>, attention_grid(args, args.tq, M::kRows), M::kThreads,
                  bytes, stream, args);
  });
}
