// Rows that a number names or a vector is near to: tables of embeddings, tokens of a sequence, codebooks.
//
// The ids lie in device memory, so that the host cannot refuse one: its row becomes NaN, and its gradient
// goes nowhere.
#ifndef HS_CASES
#include "storage.cuh"

#include <math.h>

// ---- Tables -----------------------------------------------------------------------------------------------

__global__ void embed(const float *table, const int32_t *ids, float *y, bool accumulate, int64_t n,
                      int64_t rows, int64_t dim) {
  wait_for_earlier();
  const int64_t index = int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (index >= n * dim)
    return;
  const int32_t id = ids[index / dim];
  const float value = id >= 0 && id < rows ? table[id * dim + index % dim] : NAN;
  y[index] = accumulate ? y[index] + value : value;
}

static bool valid(const struct hs_embedding *args) {
  return args && args->ids && args->n >= 0 && args->rows >= 0 && args->dim >= 0;
}

int hs_embedding_forward(hs_stream stream, const struct hs_embedding *args) {
  HS_REQUIRE(valid(args) && args->table && args->y);
  const int64_t blocks = ceil_div(args->n * args->dim, kThreads);
  if (blocks > kMaxBlocks)
    return HS_UNSUPPORTED;
  return launch_early(embed, static_cast<unsigned>(blocks), kThreads, 0, stream, args->table, args->ids,
                      args->y, args->accumulate != 0, args->n, args->rows, args->dim);
}

__global__ void clear(float *table, int64_t count) {
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += step)
    table[i] = 0.0f;
}

// A block per id. The first of equal ones adds up all of them, in the order of the batch.
__global__ void embed_gradient(const float *dy, const int32_t *ids, float *dtable, int64_t n, int64_t rows,
                               int64_t dim) {
  const int64_t own = blockIdx.x;
  const int32_t id = ids[own];
  if (id < 0 || id >= rows)
    return;
  for (int64_t i = 0; i < own; i++)
    if (ids[i] == id)
      return; // the whole block
  for (int64_t j = threadIdx.x; j < dim; j += blockDim.x) {
    float sum = 0.0f;
    for (int64_t i = own; i < n; i++)
      if (ids[i] == id)
        sum += dy[i * dim + j];
    dtable[id * dim + j] = sum;
  }
}

int hs_embedding_backward(hs_stream stream, const struct hs_embedding *args) {
  HS_REQUIRE(valid(args) && args->dy && args->dtable);
  if (args->n > kMaxIndex)
    return HS_UNSUPPORTED;
  const int64_t count = args->rows * args->dim;
  HS_LAUNCHED(launch(clear, blocks_for(count), kThreads, 0, stream, args->dtable, count));
  return launch(embed_gradient, static_cast<unsigned>(args->n), kThreads, 0, stream, args->dy, args->ids,
                args->dtable, args->n, args->rows, args->dim);
}

// ---- Tokens -----------------------------------------------------------------------------------------------

struct Tokens {
  int64_t n, t, c;
};

template <typename T> __global__ void gather_rows(const T *x, const int32_t *ids, T *y, Tokens shape) {
  wait_for_earlier();
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < shape.n * shape.c; i += step) {
    const int64_t sample = i / shape.c, id = ids[sample];
    y[i] = id >= 0 && id < shape.t ? x[(sample * shape.t + id) * shape.c + i % shape.c] : from_float<T>(NAN);
  }
}

template <typename T>
__global__ void scatter_rows(const T *dy, const int32_t *ids, T *dx, bool accumulate, Tokens shape) {
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  const int64_t total = shape.n * shape.t * shape.c;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < total; i += step) {
    const int64_t token = i / shape.c, sample = token / shape.t;
    const bool named = ids[sample] == token - sample * shape.t;
    const float before = accumulate ? to_float(dx[i]) : 0.0f;
    dx[i] = from_float<T>(before + (named ? to_float(dy[sample * shape.c + i % shape.c]) : 0.0f));
  }
}

static bool valid(const struct hs_gather *args) {
  return args && args->ids && args->n >= 0 && args->t >= 1 && args->c >= 0 && is_dtype(args->dtype);
}

int hs_gather_forward(hs_stream stream, const struct hs_gather *args) {
  HS_REQUIRE(valid(args) && args->x && args->y);
  return with_storage(args->dtype, [&](auto storage) {
    using T = decltype(storage);
    return launch_early(gather_rows<T>, blocks_for(args->n * args->c), kThreads, 0, stream,
                        static_cast<const T *>(args->x), args->ids, static_cast<T *>(args->y),
                        Tokens{args->n, args->t, args->c});
  });
}

int hs_gather_backward(hs_stream stream, const struct hs_gather *args) {
  HS_REQUIRE(valid(args) && args->dy && args->dx);
  return with_storage(args->dtype, [&](auto storage) {
    using T = decltype(storage);
    return launch(scatter_rows<T>, blocks_for(args->n * args->t * args->c), kThreads, 0, stream,
                  static_cast<const T *>(args->dy), args->ids, static_cast<T *>(args->dx),
                  args->accumulate != 0, Tokens{args->n, args->t, args->c});
  });
}

// ---- Codebooks --------------------------------------------------------------------------------------------

static constexpr int64_t kMaxDim = 256;

// A warp per row of x, each lane every 32nd entry.
template <typename T>
__global__ void nearest_rows(const T *x, const float *table, int32_t *ids, int64_t rows, int64_t dim,
                             int64_t entries) {
  const int64_t row = int64_t{blockIdx.x} * (blockDim.x / kWarp) + threadIdx.x / kWarp;
  if (row >= rows)
    return; // the whole warp
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  float least = INFINITY;
  int found = 0;
  for (int64_t e = lane; e < entries; e += kWarp) {
    float distance = 0.0f;
    for (int64_t d = 0; d < dim; d++) {
      const float difference = to_float(x[row * dim + d]) - table[e * dim + d];
      distance += difference * difference;
    }
    if (distance < least) {
      least = distance;
      found = static_cast<int>(e);
    }
  }
  for (int bits = kWarp / 2; bits > 0; bits /= 2) {
    const float other = __shfl_xor_sync(kAllLanes, least, bits);
    const int theirs = __shfl_xor_sync(kAllLanes, found, bits);
    if (other < least || (other == least && theirs < found)) {
      least = other;
      found = theirs;
    }
  }
  if (lane == 0)
    ids[row] = found;
}

int hs_nearest_row(hs_stream stream, const struct hs_nearest_row *args) {
  HS_REQUIRE(args && args->x && args->table && args->ids && args->rows >= 0 && args->dim >= 1 &&
             args->entries >= 1 && args->entries <= kMaxIndex && is_dtype(args->dtype));
  const int64_t blocks = ceil_div(args->rows, kThreads / kWarp);
  if (args->dim > kMaxDim || blocks > kMaxIndex)
    return HS_UNSUPPORTED;
  return with_storage(args->dtype, [&](auto storage) {
    using T = decltype(storage);
    return launch(nearest_rows<T>, static_cast<unsigned>(blocks), kThreads, 0, stream,
                  static_cast<const T *>(args->x), args->table, args->ids, args->rows, args->dim,
                  args->entries);
  });
}

#else // ---- What is compared with the CPU's ----------------------------------------------------------------
#include "test/harness.h"

static void embedding(Side &s) {
  const int64_t n = 5, rows = 33, dim = 131;
  const int32_t *ids = s.put(std::vector<int32_t>{3, 0, 32, 3, 17});
  float *y = s.floats(n * dim, 1), *table = s.floats(rows * dim, 2);
  HS_RUN(s, hs_embedding_forward, .n = n, .rows = rows, .dim = dim, .accumulate = 1, .ids = ids,
         .table = table, .y = y);
  s.read("rows", y, HS_F32, n * dim);
  HS_RUN(s, hs_embedding_backward, .n = n, .rows = rows, .dim = dim, .ids = ids, .dy = y, .dtable = table);
  s.read("gradient of the table", table, HS_F32, rows * dim);
}

static void gather(const Check &check, int32_t dtype, int64_t t, int64_t c) {
  check(name_of("gather", dtype, {t, c}), [=](Side &s) {
    struct hs_gather a = {.n = 3, .t = t, .c = c, .dtype = dtype};
    a.ids = s.put(std::vector<int32_t>{0, static_cast<int32_t>(t) - 1, static_cast<int32_t>(t) / 2});
    a.x = s.numbers(dtype, a.n * t * c, 1);
    a.y = s.output(dtype, a.n * c);
    HS_CALL(s, hs_gather_forward, a);
    s.read("rows", a.y, dtype, a.n * c);
    a.dy = s.numbers(dtype, a.n * c, 2);
    a.dx = s.numbers(dtype, a.n * t * c, 3);
    for (a.accumulate = 1; a.accumulate >= 0; a.accumulate--) {
      HS_CALL(s, hs_gather_backward, a);
      s.read("gradient of the rows", a.dx, dtype, a.n * t * c);
    }
  });
}

static void nearest_row(const Check &check, int32_t dtype, int64_t rows, int64_t dim, int64_t entries) {
  check(name_of("nearest row", dtype, {rows, dim, entries}), [=](Side &s) {
    struct hs_nearest_row a = {.rows = rows, .dim = dim, .entries = entries, .dtype = dtype};
    a.x = s.numbers(dtype, rows * dim, 1);
    a.table = s.floats(entries * dim, 2);
    a.ids = static_cast<int32_t *>(s.room(static_cast<size_t>(rows) * 4));
    HS_CALL(s, hs_nearest_row, a);
    s.read_ints("numbers", a.ids, rows);
  });
}

static const Cases cases([](const Check &check) {
  for (int32_t dtype : {HS_F32, HS_BF16}) {
    gather(check, dtype, 7, 33);
    gather(check, dtype, 1, 64);
    nearest_row(check, dtype, 37, 3, 200);
    nearest_row(check, dtype, 5, 17, 9);
  }
  check("embedding", embedding);
});
#endif
