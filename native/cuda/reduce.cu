// Sums over pixels, over rows and over everything, in two stages where one block cannot do it: no float
// atomics, so that equal inputs give equal bits.
#ifndef HS_CASES
#include "storage.cuh"

// ---- Sums of columns --------------------------------------------------------------------------------------

// A block sums V channels per thread of a piece of rows: the first `column_threads` threads own neighbouring
// channels of one row, the next those of the row below, so that a warp reads whole lines also where rows are
// short.
static constexpr int64_t kMaxPieces = 256, kMinPieceRows = 64;

static int column_threads_for(int64_t packs) { return packs <= 8 ? 8 : packs <= 16 ? 16 : 32; }

// out[piece * out_row + column] = the sum of the piece's rows; gridDim.y pieces of piece_rows rows, gridDim.z
// samples of `rows` rows (a piece belongs to one sample, and out moves on by out_sample).
template <typename T, int V>
__global__ void sum_columns(const T *x, float *out, int column_threads, int64_t rows, int64_t piece_rows,
                            int64_t c, int64_t out_row, int64_t out_sample) {
  __shared__ float parts[kThreads * V]; // [row threads, V, column threads]
  const int tx = static_cast<int>(threadIdx.x) % column_threads,
            ty = static_cast<int>(threadIdx.x) / column_threads;
  const int across = column_threads * V, row_threads = kThreads / column_threads;
  const int64_t column = (int64_t{blockIdx.x} * column_threads + tx) * V;
  const int64_t first = int64_t{blockIdx.y} * piece_rows, last = smaller(rows, first + piece_rows);
  const T *from = x + int64_t{blockIdx.z} * rows * c;
  float sum[V] = {};
  if (column < c)
#pragma unroll 8
    for (int64_t r = first + ty; r < last; r += row_threads) {
      float values[V];
      load(from + r * c + column, values);
#pragma unroll
      for (int v = 0; v < V; v++)
        sum[v] += values[v];
    }
#pragma unroll
  for (int v = 0; v < V; v++)
    parts[ty * across + v * column_threads + tx] = sum[v];
  __syncthreads();
  float *to = out + int64_t{blockIdx.z} * out_sample + int64_t{blockIdx.y} * out_row;
  for (int j = static_cast<int>(threadIdx.x); j < across; j += kThreads) {
    const int64_t own = (int64_t{blockIdx.x} * column_threads + j % column_threads) * V + j / column_threads;
    if (own >= c)
      continue;
    double total = 0.0;
    for (int k = 0; k < row_threads; k++)
      total += static_cast<double>(parts[k * across + j]);
    to[own] = static_cast<float>(total);
  }
}

__global__ void add_pieces(const float *pieces, float *out, int64_t count, int64_t c, bool accumulate) {
  const int64_t j = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (j >= c)
    return;
  double sum = accumulate ? static_cast<double>(out[j]) : 0.0;
  for (int64_t k = 0; k < count; k++)
    sum += static_cast<double>(pieces[k * c + j]);
  out[j] = static_cast<float>(sum);
}

static int64_t rows_per_piece(int64_t rows) { return larger(kMinPieceRows, ceil_div(rows, kMaxPieces)); }

int hs_sum_pixels(hs_stream stream, const struct hs_sum_pixels *args) {
  HS_REQUIRE(args && args->x && args->out && args->n >= 0 && args->hw >= 0 && args->c >= 0 &&
             args->out_stride >= args->c && is_dtype(args->dtype));
  const int64_t n = args->n, hw = args->hw, c = args->c;
  if (n == 0 || c == 0)
    return HS_OK;
  constexpr int64_t kMaxGridZ = 65535;
  if (n > kMaxGridZ)
    return HS_UNSUPPORTED;
  const bool packs = aligned(args->x) && c % elements_of_16_bytes(args->dtype) == 0;
  return with_pack(args->dtype, packs, [&](auto storage, auto width) {
    using T = decltype(storage);
    constexpr int V = decltype(width)::value;
    const int across = column_threads_for(c / V);
    const dim3 grid(static_cast<unsigned>(ceil_div(c, V * across)), 1, static_cast<unsigned>(n));
    return launch(sum_columns<T, V>, grid, kThreads, 0, stream, static_cast<const T *>(args->x), args->out,
                  across, hw, larger(1, hw), c, int64_t{0}, args->out_stride);
  });
}

int64_t hs_sum_rows_workspace(const struct hs_sum_rows *args, int32_t) {
  if (!args || args->rows <= 0 || args->c <= 0)
    return 0;
  return ceil_div(args->rows, rows_per_piece(args->rows)) * args->c * static_cast<int64_t>(sizeof(float));
}

int hs_sum_rows(hs_stream stream, const struct hs_sum_rows *args) {
  HS_REQUIRE(args && args->x && args->out && args->rows >= 0 && args->c >= 0 && is_dtype(args->dtype));
  HS_REQUIRE(args->workspace || args->rows == 0 || args->c == 0);
  const int64_t rows = args->rows, c = args->c;
  const int64_t piece = rows_per_piece(rows), pieces = ceil_div(rows, piece);
  const bool packs = aligned(args->x) && c % elements_of_16_bytes(args->dtype) == 0;
  if (rows > 0 && c > 0)
    HS_LAUNCHED(with_pack(args->dtype, packs, [&](auto storage, auto width) {
      using T = decltype(storage);
      constexpr int V = decltype(width)::value;
      const int across = column_threads_for(c / V);
      const dim3 grid(static_cast<unsigned>(ceil_div(c, V * across)), static_cast<unsigned>(pieces));
      return launch(sum_columns<T, V>, grid, kThreads, 0, stream, static_cast<const T *>(args->x),
                    args->workspace, across, rows, piece, c, c, int64_t{0});
    }));
  return launch(add_pieces, blocks_for(c), kThreads, 0, stream, args->workspace, args->out, pieces, c,
                args->accumulate != 0);
}

// ---- Sums of squares, in double ---------------------------------------------------------------------------

// One block per sample: the difference of two images is some ten thousand elements.
static constexpr int kDistanceThreads = 512;

template <typename T, int V>
__global__ void squared_distance(const T *a, const T *b, double *out, int64_t per_sample) {
  const T *left = a + int64_t{blockIdx.x} * per_sample, *right = b + int64_t{blockIdx.x} * per_sample;
  double sum = 0.0;
  for (int64_t i = int64_t{threadIdx.x} * V; i < per_sample; i += kDistanceThreads * V) {
    float x[V], y[V];
    load(left + i, x);
    load(right + i, y);
#pragma unroll
    for (int v = 0; v < V; v++) {
      const double difference = static_cast<double>(x[v]) - static_cast<double>(y[v]);
      sum += difference * difference;
    }
  }
  sum = block_sum(sum);
  if (threadIdx.x == 0)
    out[blockIdx.x] = sum;
}

int hs_squared_distance(hs_stream stream, const struct hs_squared_distance *args) {
  HS_REQUIRE(args && args->a && args->b && args->out && args->n >= 0 && args->per_sample >= 0 &&
             is_dtype(args->dtype));
  const bool packs = aligned(args->a, args->b) && args->per_sample % elements_of_16_bytes(args->dtype) == 0;
  return with_pack(args->dtype, packs, [&](auto storage, auto width) {
    using T = decltype(storage);
    constexpr int V = decltype(width)::value;
    return launch(squared_distance<T, V>, static_cast<unsigned>(args->n), kDistanceThreads, 0, stream,
                  static_cast<const T *>(args->a), static_cast<const T *>(args->b), args->out,
                  args->per_sample);
  });
}

// Blocks of the first stage: a few for each multiprocessor of the largest GPUs, as many as one block adds up.
static constexpr int64_t kMaxParts = 1024, kPartElements = 4096;

static int64_t parts_of(int64_t count) {
  return smaller(kMaxParts, larger(1, ceil_div(count, kPartElements)));
}

template <int V> __global__ void square_sums(const float *x, double *parts, int64_t count) {
  const int64_t step = int64_t{gridDim.x} * blockDim.x * V;
  double sum = 0.0;
  for (int64_t i = (int64_t{blockIdx.x} * blockDim.x + threadIdx.x) * V; i < count; i += step) {
    float values[V] = {};
    if (i + V <= count)
      load(x + i, values);
    else
      for (int64_t j = i; j < count; j++)
        values[j - i] = x[j];
#pragma unroll
    for (int v = 0; v < V; v++)
      sum += static_cast<double>(values[v]) * static_cast<double>(values[v]);
  }
  sum = block_sum(sum);
  if (threadIdx.x == 0)
    parts[blockIdx.x] = sum;
}

__global__ void add_parts(const double *parts, double *out, int64_t count) {
  double sum = 0.0;
  for (int64_t i = threadIdx.x; i < count; i += blockDim.x)
    sum += parts[i];
  sum = block_sum(sum);
  if (threadIdx.x == 0)
    *out = sum;
}

int64_t hs_square_sum_workspace(const struct hs_square_sum *args, int32_t) {
  return args ? parts_of(larger(0, args->count)) * static_cast<int64_t>(sizeof(double)) : 0;
}

int hs_square_sum(hs_stream stream, const struct hs_square_sum *args) {
  HS_REQUIRE(args && args->x && args->out && args->workspace && args->count >= 0);
  const int64_t parts = parts_of(args->count);
  HS_LAUNCHED(launch(aligned(args->x) ? square_sums<4> : square_sums<1>, static_cast<unsigned>(parts),
                     kThreads, 0, stream, args->x, args->workspace, args->count));
  return launch(add_parts, 1, kThreads, 0, stream, args->workspace, args->out, parts);
}

#else // ---- What is compared with the CPU's ----------------------------------------------------------------
#include "test/harness.h"

static void sums(const Check &check, int32_t dtype, int64_t n, int64_t hw, int64_t c) {
  check(name_of("sums", dtype, {n, hw, c}), [=](Side &s) {
    const int64_t count = n * hw * c;
    const void *x = s.numbers(dtype, count, 1), *other = s.numbers(dtype, count, 7);
    float *sums = s.floats(n * (c + 3), 5), *total = s.floats(c, 6);
    HS_RUN(s, hs_sum_pixels, .n = n, .hw = hw, .c = c, .out_stride = c + 3, .dtype = dtype, .x = x,
           .out = sums);
    s.read("sum of pixels", sums, HS_F32, n * (c + 3));
    struct hs_sum_rows all = {.rows = n * hw, .c = c, .dtype = dtype, .x = x, .out = total};
    all.workspace = static_cast<float *>(HS_ROOM(s, hs_sum_rows, all, 0));
    for (int32_t add : {0, 1}) {
      all.accumulate = add;
      HS_CALL(s, hs_sum_rows, all);
      s.read("sum of rows", total, HS_F32, c);
    }
    auto *distances = static_cast<double *>(s.room(static_cast<size_t>(n) * 8));
    HS_RUN(s, hs_squared_distance, .n = n, .per_sample = hw * c, .dtype = dtype, .a = x, .b = other,
           .out = distances);
    s.read_doubles("distance", distances, n);
  });
}

static void squares(const Check &check, int64_t count) {
  check(name_of("squares", HS_F32, {count}), [=](Side &s) {
    struct hs_square_sum a = {.count = count, .x = s.floats(count, 2)};
    a.out = static_cast<double *>(s.room(8));
    a.workspace = static_cast<double *>(HS_ROOM(s, hs_square_sum, a, 0));
    HS_CALL(s, hs_square_sum, a);
    s.read_doubles("sum of squares", a.out, 1);
  });
}

static const Cases cases([](const Check &check) {
  for (int32_t dtype : {HS_F32, HS_BF16}) {
    sums(check, dtype, 3, 35, 37);
    sums(check, dtype, 2, 64, 48);
    sums(check, dtype, 1, 301, 264);
  }
  squares(check, 9001);
  squares(check, 8192);
});
#endif
