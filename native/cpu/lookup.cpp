// Rows that a number names or a vector is near to: tables of embeddings, tokens of a sequence, codebooks.
#include "ids.h"
#include "parallel.h"
#include "variant.h"
#include "vector.h"

#include <math.h>

// ---- Tables -----------------------------------------------------------------------------------------------

static bool valid(const struct hs_embedding *args) {
  return args && args->ids && args->n >= 0 && args->rows >= 0 && args->dim >= 0 &&
         ids_in_range(args->ids, args->n, args->rows);
}

HS_KERNEL(hs_embedding_forward)(hs_stream, const struct hs_embedding *args) {
  HS_REQUIRE(valid(args) && args->table && args->y);
  const int64_t dim = args->dim;
  const bool accumulate = args->accumulate != 0;
  const int32_t *ids = args->ids;
  const float *table = args->table;
  float *y = args->y;
  parallel_items(args->n, args->n * dim, [=](int64_t i) {
    const float *from = table + ids[i] * dim;
    float *to = y + i * dim;
    for (int64_t j = 0; j < dim; j++)
      to[j] = accumulate ? to[j] + from[j] : from[j];
  });
  return HS_OK;
}

HS_KERNEL(hs_embedding_backward)(hs_stream, const struct hs_embedding *args) {
  HS_REQUIRE(valid(args) && args->dy && args->dtable);
  const int64_t n = args->n, rows = args->rows, dim = args->dim;
  const int32_t *ids = args->ids;
  const float *dy = args->dy;
  float *dtable = args->dtable;
  // Threads own columns, so equal ids add up in the order of the batch.
  parallel_blocks(dim, 64, [=](int64_t begin, int64_t end) {
    for (int64_t r = 0; r < rows; r++)
      for (int64_t j = begin; j < end; j++)
        dtable[r * dim + j] = 0.0f;
    for (int64_t i = 0; i < n; i++)
      for (int64_t j = begin; j < end; j++)
        dtable[ids[i] * dim + j] += dy[i * dim + j];
  });
  return HS_OK;
}

// ---- Tokens -----------------------------------------------------------------------------------------------

static bool valid(const struct hs_gather *args) {
  return args && args->ids && args->n >= 0 && args->t >= 1 && args->c >= 0 && is_dtype(args->dtype) &&
         ids_in_range(args->ids, args->n, args->t);
}

HS_KERNEL(hs_gather_forward)(hs_stream, const struct hs_gather *args) {
  HS_REQUIRE(valid(args) && args->x && args->y);
  const int64_t t = args->t, c = args->c;
  with_storage(args->dtype, [&](auto storage) {
    using T = decltype(storage);
    const T *x = static_cast<const T *>(args->x);
    T *y = static_cast<T *>(args->y);
    parallel_items(args->n, args->n * c, [=](int64_t i) {
      __builtin_memcpy(y + i * c, x + (i * t + args->ids[i]) * c, sizeof(T) * c);
    });
  });
  return HS_OK;
}

HS_KERNEL(hs_gather_backward)(hs_stream, const struct hs_gather *args) {
  HS_REQUIRE(valid(args) && args->dy && args->dx);
  const int64_t t = args->t, c = args->c;
  const bool accumulate = args->accumulate != 0;
  with_storage(args->dtype, [&](auto storage) {
    using T = decltype(storage);
    const T *dy = static_cast<const T *>(args->dy);
    T *dx = static_cast<T *>(args->dx);
    parallel_items(args->n, args->n * t * c, [=](int64_t i) {
      if (!accumulate)
        __builtin_memset(dx + i * t * c, 0, sizeof(T) * t * c);
      const T *from = dy + i * c;
      T *to = dx + (i * t + args->ids[i]) * c;
      for_vectors(c, [=]<int B, bool Tail>(int64_t j, int lanes) {
        for (int b = 0; b < B; b++) {
          const int64_t at = j + b * kLanes;
          put<Tail>(to + at, fetch<Tail>(to + at, lanes) + fetch<Tail>(from + at, lanes), lanes);
        }
      });
    });
  });
  return HS_OK;
}

// ---- Codebooks --------------------------------------------------------------------------------------------

static constexpr int64_t kMaxDim = 256;

// Along the lanes lie rows of x, so that a codebook's numbers are broadcast as they lie.
template <typename T>
static void nearest_rows(const T *x, int lanes, const float *table, int64_t dim, int64_t entries,
                         int32_t *ids) {
  Floats rows[kMaxDim];
  for (int64_t d = 0; d < dim; d++)
    for (int lane = 0; lane < kLanes; lane++)
      rows[d][lane] = to_float(x[(lane < lanes ? lane : 0) * dim + d]);
  Floats least = splat(INFINITY);
  Ints found = {};
  for (int64_t e = 0; e < entries; e++) {
    const float *entry = table + e * dim;
    Floats distance = {};
    for (int64_t d = 0; d < dim; d++) {
      const Floats difference = rows[d] - entry[d];
      distance += difference * difference;
    }
    const Ints nearer = distance < least;
    found = nearer ? Ints{} + static_cast<int32_t>(e) : found;
    least = nearer ? distance : least;
  }
  __builtin_memcpy(ids, &found, sizeof(int32_t) * lanes);
}

HS_KERNEL(hs_nearest_row)(hs_stream, const struct hs_nearest_row *args) {
  HS_REQUIRE(args && args->x && args->table && args->ids && args->rows >= 0 && args->dim >= 1 &&
             args->entries >= 1 && args->entries <= INT32_MAX && is_dtype(args->dtype));
  if (args->dim > kMaxDim)
    return HS_UNSUPPORTED;
  const int64_t rows = args->rows, dim = args->dim, entries = args->entries;
  with_storage(args->dtype, [&](auto storage) {
    using T = decltype(storage);
    const T *x = static_cast<const T *>(args->x);
    parallel_items(ceil_div(rows, kLanes), rows * dim * entries, [=](int64_t item) {
      const int64_t first = item * kLanes;
      nearest_rows(x + first * dim, static_cast<int>(smaller(kLanes, rows - first)), args->table, dim,
                   entries, args->ids + first);
    });
  });
  return HS_OK;
}
