// Layer normalisation and its gradients. A warp owns a row and reads it two or three times more, from the
// first-level cache: rows of networks are a few kilobytes.
//
// Backward there are three launches: dx, which leaves the statistics of each row; sums over pieces of rows;
// and over the pieces.
#ifndef HS_CASES
#include "storage.cuh"

#include <math.h>

static constexpr int kWarps = kThreads / kWarp;
static constexpr int64_t kMaxPieces = 128, kMinPieceRows = 32;

// x̂ = ((x - origin) - shift) rstd: the mean is origin + shift. The origin is a rounded mean, from which rows
// far from zero differ exactly; the shift is what it is off by.
struct RowStatistics {
  float origin, shift, rstd;

  __device__ float centred(float x) const { return x - origin - shift; }
};

// This warp's row among `rows`, or one behind them.
__device__ inline int64_t row_of_warp() {
  return int64_t{blockIdx.x} * kWarps + static_cast<int>(threadIdx.x) / kWarp;
}

__device__ inline int64_t lane_of_warp() { return static_cast<int>(threadIdx.x) % kWarp; }

// Of a row, by a whole warp.
template <typename T, int V> __device__ inline RowStatistics statistics_of(const T *x, int64_t c, float eps) {
  float values[V], sum = 0.0f;
  for (int64_t j = lane_of_warp() * V; j < c; j += kWarp * V) {
    load(x + j, values);
#pragma unroll
    for (int v = 0; v < V; v++)
      sum += values[v];
  }
  const float count = static_cast<float>(c), origin = warp_sum(sum) / count;
  float deviations = 0.0f, squares = 0.0f;
  for (int64_t j = lane_of_warp() * V; j < c; j += kWarp * V) {
    load(x + j, values);
#pragma unroll
    for (int v = 0; v < V; v++) {
      const float deviation = values[v] - origin;
      deviations += deviation;
      squares += deviation * deviation;
    }
  }
  deviations = warp_sum(deviations);
  squares = warp_sum(squares);
  const float shift = deviations / count, variance = (squares - deviations * shift) / count;
  // max() would drop a NaN
  const double kept = static_cast<double>(variance < 0.0f ? 0.0f : variance);
  return {origin, shift, static_cast<float>(1.0 / sqrt(kept + static_cast<double>(eps)))};
}

// ---- Forward ----------------------------------------------------------------------------------------------

template <typename T, int V> __global__ void normalise_rows(hs_layer_norm args) {
  wait_for_earlier();
  const int64_t row = row_of_warp(), c = args.c;
  if (row >= args.rows)
    return; // the whole warp
  const T *x = static_cast<const T *>(args.x) + row * c;
  T *y = static_cast<T *>(args.y) + row * c;
  const RowStatistics of = statistics_of<T, V>(x, c, args.eps);
  for (int64_t j = lane_of_warp() * V; j < c; j += kWarp * V) {
    float values[V];
    load(x + j, values);
#pragma unroll
    for (int v = 0; v < V; v++)
      values[v] = of.centred(values[v]) * (args.weight[j + v] * of.rstd) + args.bias[j + v];
    store(y + j, values);
  }
}

// ---- Backward ---------------------------------------------------------------------------------------------

// Parts of the workspace.
struct LayerNormWorkspace {
  RowStatistics *statistics; // [rows]
  float *pieces;             // [pieces, 2, c]: sums of dy x̂ and of dy

  __host__ __device__ explicit LayerNormWorkspace(const hs_layer_norm &args)
      : statistics(reinterpret_cast<RowStatistics *>(args.workspace)),
        pieces(args.workspace + 3 * args.rows) {}
};

// With g = weight dy: dx = rstd (g - mean(g) - x̂ mean(g x̂)).
template <typename T, int V, bool Add> __global__ void row_gradients(hs_layer_norm args) {
  const int64_t row = row_of_warp(), c = args.c;
  if (row >= args.rows)
    return; // the whole warp
  const T *x = static_cast<const T *>(args.x) + row * c, *dy = static_cast<const T *>(args.dy) + row * c;
  const RowStatistics of = statistics_of<T, V>(x, c, args.eps);
  if (lane_of_warp() == 0)
    LayerNormWorkspace(args).statistics[row] = of;
  if (args.dx == nullptr)
    return;
  T *dx = static_cast<T *>(args.dx) + row * c;
  float plain = 0.0f, correlated = 0.0f, values[V], upstream[V];
  for (int64_t j = lane_of_warp() * V; j < c; j += kWarp * V) {
    load(x + j, values);
    load(dy + j, upstream);
#pragma unroll
    for (int v = 0; v < V; v++) {
      const float g = upstream[v] * args.weight[j + v];
      plain += g;
      correlated += g * (of.centred(values[v]) * of.rstd);
    }
  }
  const float count = static_cast<float>(c);
  const float mean = warp_sum(plain) / count, slope = warp_sum(correlated) / count;
  for (int64_t j = lane_of_warp() * V; j < c; j += kWarp * V) {
    float before[V] = {};
    load(x + j, values);
    load(dy + j, upstream);
    if constexpr (Add)
      load(dx + j, before);
#pragma unroll
    for (int v = 0; v < V; v++) {
      const float normalised = of.centred(values[v]) * of.rstd;
      values[v] = (upstream[v] * args.weight[j + v] - mean - normalised * slope) * of.rstd + before[v];
    }
    store(dx + j, values);
  }
}

// A block owns the V channels of each of 32 threads in a piece of the rows; its warps take the rows in turn.
template <typename T, int V> __global__ void sum_pieces(hs_layer_norm args, int64_t piece) {
  __shared__ float parts[kWarps][2][V][kWarp];
  const LayerNormWorkspace workspace(args);
  const int64_t c = args.c, j = (int64_t{blockIdx.x} * kWarp + lane_of_warp()) * V;
  const int warp = static_cast<int>(threadIdx.x) / kWarp, lane = static_cast<int>(lane_of_warp());
  const int64_t first = int64_t{blockIdx.y} * piece, last = smaller(args.rows, first + piece);
  float dweight[V] = {}, dbias[V] = {};
  if (j < c)
    for (int64_t row = first + warp; row < last; row += kWarps) {
      const RowStatistics of = workspace.statistics[row];
      float values[V], upstream[V];
      load(static_cast<const T *>(args.x) + row * c + j, values);
      load(static_cast<const T *>(args.dy) + row * c + j, upstream);
#pragma unroll
      for (int v = 0; v < V; v++) {
        dweight[v] += upstream[v] * (of.centred(values[v]) * of.rstd);
        dbias[v] += upstream[v];
      }
    }
#pragma unroll
  for (int v = 0; v < V; v++) {
    parts[warp][0][v][lane] = dweight[v];
    parts[warp][1][v][lane] = dbias[v];
  }
  __syncthreads();
  for (int item = static_cast<int>(threadIdx.x); item < 2 * V * kWarp; item += kThreads) {
    const int which = item / (V * kWarp), v = item / kWarp % V, of = item % kWarp;
    const int64_t channel = (int64_t{blockIdx.x} * kWarp + of) * V + v;
    if (channel >= c)
      continue;
    float sum = 0.0f;
    for (int k = 0; k < kWarps; k++)
      sum += parts[k][which][v][of];
    workspace.pieces[(int64_t{blockIdx.y} * 2 + which) * c + channel] = sum;
  }
}

__global__ void add_pieces(hs_layer_norm args, int64_t pieces) {
  const int64_t j = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (j >= args.c)
    return;
  const float *from = LayerNormWorkspace(args).pieces;
  double dweight = 0.0, dbias = 0.0;
  for (int64_t k = 0; k < pieces; k++) {
    dweight += static_cast<double>(from[2 * k * args.c + j]);
    dbias += static_cast<double>(from[(2 * k + 1) * args.c + j]);
  }
  args.dweight[j] = static_cast<float>(dweight);
  args.dbias[j] = static_cast<float>(dbias);
}

// ---- Entry points -----------------------------------------------------------------------------------------

static int64_t rows_per_piece(int64_t rows) { return larger(kMinPieceRows, ceil_div(rows, kMaxPieces)); }

static bool valid(const struct hs_layer_norm *args) {
  return args && args->rows >= 0 && args->c >= 1 && args->eps >= 0 && is_dtype(args->dtype) && args->x &&
         args->weight;
}

int64_t hs_layer_norm_workspace(const struct hs_layer_norm *args, int32_t gradient) {
  if (!args || args->rows <= 0 || args->c <= 0 || !gradient)
    return 0;
  const int64_t pieces = ceil_div(args->rows, rows_per_piece(args->rows));
  return (3 * args->rows + pieces * 2 * args->c) * static_cast<int64_t>(sizeof(float));
}

int hs_layer_norm_forward(hs_stream stream, const struct hs_layer_norm *args) {
  HS_REQUIRE(valid(args) && args->bias && args->y);
  const int64_t blocks = ceil_div(args->rows, kWarps);
  if (blocks > kMaxIndex)
    return HS_UNSUPPORTED;
  const bool packs = aligned(args->x, args->y) && args->c % elements_of_16_bytes(args->dtype) == 0;
  return with_pack(args->dtype, packs, [&](auto storage, auto width) {
    return launch_early(normalise_rows<decltype(storage), decltype(width)::value>,
                        static_cast<unsigned>(blocks), kThreads, 0, stream, *args);
  });
}

int hs_layer_norm_backward(hs_stream stream, const struct hs_layer_norm *args) {
  HS_REQUIRE(valid(args) && args->dy && args->dweight && args->dbias && (args->workspace || args->rows == 0));
  const int64_t blocks = ceil_div(args->rows, kWarps);
  if (blocks > kMaxIndex)
    return HS_UNSUPPORTED;
  const int64_t piece = rows_per_piece(args->rows), pieces = ceil_div(args->rows, piece);
  const bool packs = aligned(args->x, args->dy) && (args->dx == nullptr || aligned(args->dx)) &&
                     args->c % elements_of_16_bytes(args->dtype) == 0;
  HS_LAUNCHED(with_pack(args->dtype, packs, [&](auto storage, auto width) {
    using T = decltype(storage);
    constexpr int V = decltype(width)::value;
    HS_LAUNCHED(launch(args->accumulate ? row_gradients<T, V, true> : row_gradients<T, V, false>,
                       static_cast<unsigned>(blocks), kThreads, 0, stream, *args));
    const dim3 grid(static_cast<unsigned>(ceil_div(args->c, kWarp * V)), static_cast<unsigned>(pieces));
    return launch(sum_pieces<T, V>, grid, kThreads, 0, stream, *args, piece);
  }));
  return launch(add_pieces, blocks_for(args->c), kThreads, 0, stream, *args, pieces);
}

#else // ---- What is compared with the CPU's ----------------------------------------------------------------
#include "test/harness.h"

static void layer_norm(const Check &check, int32_t dtype, int64_t rows, int64_t c, float eps, int32_t add) {
  check(name_of("layer norm", dtype, {rows, c, add}), [=](Side &s) {
    struct hs_layer_norm a = {.rows = rows, .c = c, .dtype = dtype, .accumulate = add, .eps = eps};
    a.x = s.numbers(dtype, rows * c, 1, 3);
    a.weight = s.floats(c, 2);
    a.bias = s.floats(c, 3);
    a.y = s.output(dtype, rows * c);
    HS_CALL(s, hs_layer_norm_forward, a);
    s.read("y", a.y, dtype, rows * c);
    a.dy = s.numbers(dtype, rows * c, 4);
    a.dx = s.numbers(dtype, rows * c, 5);
    a.dweight = s.floats(c, 6);
    a.dbias = s.floats(c, 7);
    a.workspace = static_cast<float *>(HS_ROOM(s, hs_layer_norm, a, 1));
    HS_CALL(s, hs_layer_norm_backward, a);
    s.read("dx", a.dx, dtype, rows * c);
    s.read("dweight", a.dweight, HS_F32, c, 1e-4);
    s.read("dbias", a.dbias, HS_F32, c, 1e-4);
    a.dx = nullptr; // only the parameters' gradients
    a.dweight = s.floats(c, 8);
    HS_CALL(s, hs_layer_norm_backward, a);
    s.read("dweight alone", a.dweight, HS_F32, c, 1e-4);
  });
}

static const Cases cases([](const Check &check) {
  for (int32_t dtype : {HS_F32, HS_BF16}) {
    layer_norm(check, dtype, 1, 5, 1e-5f, 0);
    layer_norm(check, dtype, 70, 33, 1e-12f, 1);
    layer_norm(check, dtype, 11, 320, 1e-5f, 0);
    layer_norm(check, dtype, 300, 64, 1e-6f, 1);
  }
});
#endif
