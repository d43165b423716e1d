// Attention on ordinary arithmetic units: float32 for every head width, bfloat16 where the tensor cores do
// not suit, and the twin that the tensor-core kernels are tested against.
//
// A block owns a tile of Block rows (queries, or keys in the gradient of keys and values) of one head and
// walks over tiles of Block columns. `Lanes` neighbouring threads share a row: each forms every Lanes-th
// score of it and holds every Lanes-th channel of its result in registers. Rows of a tile lie an odd number
// of words apart in shared memory, so that threads that read a column of it use different banks.
#include "attention.cuh"

#include <math.h>

template <int BlockRows, int LanesPerRow, int ColumnsPerLane> struct Tiling {
  static constexpr int kBlock = BlockRows, kLanes = LanesPerRow, kColumns = ColumnsPerLane;
  static constexpr int kThreads = kBlock * kLanes;
  static constexpr int kScores = kBlock > kLanes ? kBlock / kLanes : 1; // of a row, per lane
};

__host__ __device__ inline int tile_row(int d) { return d | 1; }

// tile [Tiling::kBlock, tile_row(d)] = factor * rows first.. of an array of `count`, zero past its end.
template <typename Tiles, typename T>
__device__ inline void load_tile(const T *from, int64_t row, int64_t first, int64_t count, int d,
                                 float factor, float *tile) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp, stride = tile_row(d);
  for (int r = static_cast<int>(threadIdx.x) / kWarp; r < Tiles::kBlock; r += Tiles::kThreads / kWarp)
    for (int j = lane; j < d; j += kWarp)
      tile[r * stride + j] = first + r < count ? factor * to_float(from[(first + r) * row + j]) : 0.0f;
}

// The largest or the sum over the lanes of a row, in all of them.
template <int Lanes> __device__ inline float row_largest(float value) {
  for (int bits = Lanes / 2; bits > 0; bits /= 2)
    value =
        fmaxf(value, __shfl_xor_sync(kAllLanes, value, bits)); // a NaN may be lost here, but the sum keeps it
  return value;
}

template <int Lanes> __device__ inline float row_sum(float value) {
  for (int bits = Lanes / 2; bits > 0; bits /= 2)
    value += __shfl_xor_sync(kAllLanes, value, bits);
  return value;
}

// sum[c] = factor * sum[c] + weights · tile, for this lane's channels.
template <typename Tiles>
__device__ inline void add_weighted_rows(const float *weights, const float *tile, int d, int lane,
                                         float factor, float (&sum)[Tiles::kColumns]) {
  const int stride = tile_row(d);
#pragma unroll
  for (int c = 0; c < Tiles::kColumns; c++)
    sum[c] *= factor;
  for (int k = 0; k < Tiles::kBlock; k++) {
    const float weight = weights[k];
#pragma unroll
    for (int c = 0; c < Tiles::kColumns; c++) {
      const int j = lane + c * Tiles::kLanes;
      if (j < d)
        sum[c] += weight * tile[k * stride + j];
    }
  }
}

template <typename T, typename Tiles>
__global__ void __launch_bounds__(Tiles::kThreads) attend(hs_attention args) {
  constexpr int kBlock = Tiles::kBlock, kLanes = Tiles::kLanes, kScores = Tiles::kScores;
  const int d = args.d, stride = tile_row(d);
  float *q = dynamic_shared<float>(), *k = q + kBlock * stride, *v = k + kBlock * stride;
  float *probabilities = v + kBlock * stride; // [kBlock, kBlock + 1]
  const int row = static_cast<int>(threadIdx.x) / kLanes, lane = static_cast<int>(threadIdx.x) % kLanes;
  const Head head(args, blockIdx.x);
  const int64_t first = int64_t{blockIdx.y} * kBlock;
  const T *keys = static_cast<const T *>(args.k) + head.k, *values = static_cast<const T *>(args.v) + head.v;
  load_tile<Tiles>(static_cast<const T *>(args.q) + head.q, args.q_row, first, args.tq, d, args.scale, q);
  float largest = -INFINITY, total = 0.0f, sum[Tiles::kColumns] = {};
  float *own = probabilities + row * (kBlock + 1);
  const Columns columns = keys_of(args, head, first, kBlock);
  for (int64_t key = columns.begin; key < columns.end; key += kBlock) {
    __syncthreads();
    load_tile<Tiles>(keys, args.k_row, key, columns.end, d, 1.0f, k);
    load_tile<Tiles>(values, args.v_row, key, columns.end, d, 1.0f, v);
    __syncthreads();
    float scores[kScores] = {};
    if (lane < kBlock)
      for (int j = 0; j < d; j++) {
        const float left = q[row * stride + j];
#pragma unroll
        for (int c = 0; c < kScores; c++)
          scores[c] += left * k[(lane + c * kLanes) * stride + j];
      }
    float top = largest;
#pragma unroll
    for (int c = 0; c < kScores; c++) {
      if (lane >= kBlock || !sees(args, head, smaller(first + row, args.tq - 1), key + lane + c * kLanes))
        scores[c] = -INFINITY;
      top = fmaxf(top, scores[c]);
    }
    top = row_largest<kLanes>(top);
    float added = 0.0f;
#pragma unroll
    for (int c = 0; c < kScores; c++) {
      const float probability = expf(scores[c] - top);
      added += probability;
      if (lane < kBlock)
        own[lane + c * kLanes] = probability;
    }
    const float shrink = expf(largest - top);
    largest = top;
    total = total * shrink + row_sum<kLanes>(added);
    __syncwarp(); // the lanes of a row are in one warp
    add_weighted_rows<Tiles>(own, v, d, lane, shrink, sum);
  }
  if (first + row >= args.tq)
    return;
  T *y = static_cast<T *>(args.y) + head.y + (first + row) * args.y_row;
  const float inverse = 1.0f / total;
#pragma unroll
  for (int c = 0; c < Tiles::kColumns; c++)
    if (lane + c * kLanes < d)
      y[lane + c * kLanes] = from_float<T>(sum[c] * inverse);
  if (args.logsumexp != nullptr && lane == 0)
    args.logsumexp[int64_t{blockIdx.x} * args.tq + first + row] = largest + logf(total);
}

// With Keys, the rows are keys, and the result their gradient and that of the values; else the rows are
// queries.
template <typename T, typename Tiles, bool Keys>
__global__ void __launch_bounds__(Tiles::kThreads) attend_gradient(hs_attention args) {
  constexpr int kBlock = Tiles::kBlock, kLanes = Tiles::kLanes, kScores = Tiles::kScores;
  const int d = args.d, tile = kBlock * tile_row(d), stride = tile_row(d);
  // Of rows and columns: what the scores are formed from (keys or scaled queries), and the gradients of the
  // probabilities (values or dy).
  float *row_scores = dynamic_shared<float>(), *row_gradients = row_scores + tile;
  float *column_scores = row_gradients + tile, *column_gradients = column_scores + tile;
  float *probabilities = column_gradients + tile, *slopes = probabilities + kBlock * (kBlock + 1);
  const int row = static_cast<int>(threadIdx.x) / kLanes, lane = static_cast<int>(threadIdx.x) % kLanes;
  const Head head(args, blockIdx.x);
  const int64_t first = int64_t{blockIdx.y} * kBlock, unit = blockIdx.x;
  const T *q = static_cast<const T *>(args.q) + head.q, *dy = static_cast<const T *>(args.dy) + head.y;
  const T *k = static_cast<const T *>(args.k) + head.k, *v = static_cast<const T *>(args.v) + head.v;
  const float *logsumexp = args.logsumexp + unit * args.tq, *products = args.workspace + unit * args.tq;
  const int64_t own_row = smaller(first + row, args.tq - 1), rows = Keys ? args.tk : args.tq;
  const float own_logsumexp = logsumexp[own_row], own_product = products[own_row];
  if constexpr (Keys) {
    load_tile<Tiles>(k, args.k_row, first, args.tk, d, 1.0f, row_scores);
    load_tile<Tiles>(v, args.v_row, first, args.tk, d, 1.0f, row_gradients);
  } else {
    load_tile<Tiles>(q, args.q_row, first, args.tq, d, args.scale, row_scores);
    load_tile<Tiles>(dy, args.y_row, first, args.tq, d, 1.0f, row_gradients);
  }
  float sum[Tiles::kColumns] = {}, sum_values[Keys ? Tiles::kColumns : 1] = {};
  float *own_p = probabilities + row * (kBlock + 1), *own_ds = slopes + row * (kBlock + 1);
  const Columns columns = Keys ? queries_of(args, first) : keys_of(args, head, first, kBlock);
  for (int64_t column = columns.begin; column < columns.end; column += kBlock) {
    __syncthreads();
    if constexpr (Keys) {
      load_tile<Tiles>(q, args.q_row, column, args.tq, d, args.scale, column_scores);
      load_tile<Tiles>(dy, args.y_row, column, args.tq, d, 1.0f, column_gradients);
    } else {
      load_tile<Tiles>(k, args.k_row, column, columns.end, d, 1.0f, column_scores);
      load_tile<Tiles>(v, args.v_row, column, columns.end, d, 1.0f, column_gradients);
    }
    __syncthreads();
    if (lane < kBlock) {
      float scores[kScores] = {}, gradients[kScores] = {};
      for (int j = 0; j < d; j++) {
        const float left = row_scores[row * stride + j], left_gradient = row_gradients[row * stride + j];
#pragma unroll
        for (int c = 0; c < kScores; c++) {
          scores[c] += left * column_scores[(lane + c * kLanes) * stride + j];
          gradients[c] += left_gradient * column_gradients[(lane + c * kLanes) * stride + j];
        }
      }
#pragma unroll
      for (int c = 0; c < kScores; c++) {
        const int64_t at = column + lane + c * kLanes;
        const bool inside = Keys ? sees(args, head, at, first + row) : sees(args, head, first + row, at);
        const int64_t query = smaller(at, args.tq - 1);
        const float offset = Keys ? logsumexp[query] : own_logsumexp,
                    mean = Keys ? products[query] : own_product;
        const float probability = inside ? expf(scores[c] - offset) : 0.0f;
        own_p[lane + c * kLanes] = probability;
        own_ds[lane + c * kLanes] = inside ? probability * (gradients[c] - mean) : 0.0f;
      }
    }
    __syncwarp();
    add_weighted_rows<Tiles>(own_ds, column_scores, d, lane, 1.0f, sum);
    if constexpr (Keys)
      add_weighted_rows<Tiles>(own_p, column_gradients, d, lane, 1.0f, sum_values);
  }
  if (first + row >= rows)
    return;
  const int64_t own = first + row;
  T *out = Keys ? static_cast<T *>(args.dk) + head.k + own * args.k_row
                : static_cast<T *>(args.dq) + head.q + own * args.q_row;
  T *out_values = static_cast<T *>(args.dv) + head.v + own * args.v_row;
#pragma unroll
  for (int c = 0; c < Tiles::kColumns; c++) {
    const int j = lane + c * kLanes;
    if (j >= d)
      continue;
    out[j] = from_float<T>(Keys ? sum[c] : args.scale * sum[c]);
    if constexpr (Keys)
      out_values[j] = from_float<T>(sum_values[c]);
  }
}

// body(tiling): rows shrink as heads widen, so that the tiles of the backward pass take at most 70 KB of
// shared memory; a lane holds no more channels than the head has.
template <typename Body> static int with_tiling(int32_t d, Body &&body) {
  if (d <= 32)
    return body(Tiling<32, 8, 4>{});
  if (d <= 64)
    return body(Tiling<32, 8, 8>{});
  if (d <= 128)
    return body(Tiling<32, 8, 16>{});
  if (d <= 256)
    return body(Tiling<8, 32, 8>{});
  if (d <= 512)
    return body(Tiling<8, 32, 16>{});
  return body(Tiling<4, 32, 32>{});
}

template <typename Tiles> static int64_t shared_bytes(int32_t d, int tiles, int squares) {
  const int64_t block = Tiles::kBlock;
  return (tiles * block * tile_row(d) + squares * block * (block + 1)) * static_cast<int64_t>(sizeof(float));
}

int plain_attention_forward(hs_stream stream, const hs_attention &args) {
  return with_tiling(args.d, [&](auto tiling) {
    using Tiles = decltype(tiling);
    return launch(args.dtype == HS_BF16 ? attend<Bf16, Tiles> : attend<float, Tiles>,
                  attention_grid(args, args.tq, Tiles::kBlock), Tiles::kThreads,
                  shared_bytes<Tiles>(args.d, 3, 1), stream, args);
  });
}

int plain_attention_backward(hs_stream stream, const hs_attention &args) {
  return with_tiling(args.d, [&](auto tiling) {
    using Tiles = decltype(tiling);
    const int64_t bytes = shared_bytes<Tiles>(args.d, 4, 2);
    const bool halves = args.dtype == HS_BF16;
    HS_LAUNCHED(launch(halves ? attend_gradient<Bf16, Tiles, true> : attend_gradient<float, Tiles, true>,
                       attention_grid(args, args.tk, Tiles::kBlock), Tiles::kThreads, bytes, stream, args));
    return launch(halves ? attend_gradient<Bf16, Tiles, false> : attend_gradient<float, Tiles, false>,
                  attention_grid(args, args.tq, Tiles::kBlock), Tiles::kThreads, bytes, stream, args);
  });
}
