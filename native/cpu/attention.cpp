// Attention in tiles (Dao, Fu, Ermon, Rudra, Ré: "FlashAttention", 2022): the t x t scores are never stored.
// The backward pass forms them again from the saved logsumexp. Tiles depend on d alone, and every sum runs
// over tiles in order.
#include "matmul.h"
#include "parallel.h"
#include "variant.h"
#include "vector_math.h"

#include <math.h>
#include <xmmintrin.h>

static constexpr int64_t kMaxWidth = 1024;

// Positions of one head of one sample in qkv-like and y-like arrays.
struct Head {
  int64_t unit, t, d, padded; // padded: d rounded up to whole vectors
  int64_t q, k, v, row;       // elements from the start of qkv; from one token to the next
  int64_t y, y_row;
};

static Head head_at(const hs_attention &args, int64_t unit) {
  const int64_t i = unit / args.heads, h = unit % args.heads, d = args.d;
  const int64_t row = 3 * args.heads * d;
  const int64_t base = i * args.t * row;
  const bool legacy = args.order == HS_ATTENTION_LEGACY;
  const int64_t first = base + (legacy ? h * 3 * d : h * d);
  const int64_t step = legacy ? d : args.heads * d;
  return {unit,         args.t,           d,   (d + kLanes - 1) / kLanes * kLanes,  first,
          first + step, first + 2 * step, row, i * args.t * args.heads * d + h * d, args.heads * d};
}

// to [rows, padded] = factor * from, the columns past d zero.
template <typename T>
static void pack_rows(const T *from, int64_t stride, int64_t rows, const Head &head, float factor,
                      float *to) {
  for (int64_t r = 0; r < rows; r++)
    for_vectors(head.d, [=]<int B, bool Tail>(int64_t j, int lanes) {
      for (int b = 0; b < B; b++)
        store(to + r * head.padded + j + b * kLanes,
              factor * fetch<Tail>(from + r * stride + j + b * kLanes, lanes));
    });
}

// to [padded, columns] = from [rows, padded] transposed; the columns past rows zero.
static void transpose(const float *from, int64_t rows, int64_t padded, int64_t columns, float *to) {
  for (int64_t r = 0; r < columns; r += 4)
    for (int64_t j = 0; j < padded; j += 4) {
      __m128 row[4];
      for (int64_t i = 0; i < 4; i++)
        row[i] = r + i < rows ? _mm_loadu_ps(from + (r + i) * padded + j) : _mm_setzero_ps();
      _MM_TRANSPOSE4_PS(row[0], row[1], row[2], row[3]);
      for (int64_t i = 0; i < 4; i++)
        _mm_storeu_ps(to + (j + i) * columns + r, row[i]);
    }
}

// Brings rows of d elements towards this core: they lie too far apart for the processor to foresee.
template <typename T>
static inline void prefetch_rows(const T *from, int64_t stride, int64_t rows, int64_t d) {
  for (int64_t r = 0; r < rows; r++)
    for (int64_t j = 0; j < d; j += 64 / static_cast<int64_t>(sizeof(T)))
      __builtin_prefetch(from + r * stride + j, 0, 2);
}

// Rows read element by element: as they lie in memory where they are float, else converted into `buffer`.
template <typename T>
static Left rows_of(const T *from, int64_t stride, int64_t rows, const Head &head, float *buffer) {
  if constexpr (sizeof(T) == sizeof(float)) {
    return {from, stride, 1};
  } else {
    pack_rows(from, stride, rows, head, 1.0f, buffer);
    return {buffer, head.padded, 1};
  }
}

static inline int64_t whole_vectors(int64_t count) { return (count + kLanes - 1) / kLanes * kLanes; }

static inline float scale_of(const Head &head) {
  return static_cast<float>(1.0 / sqrt(static_cast<double>(head.d)));
}

// Scores are formed in units of ln 2, so that powers of two take the place of exponentials.
static constexpr float kLog2E = 1.44269504f, kLn2 = 0.693147181f;

// ---- Forward
// ----------------------------------------------------------------------------------------------------

// V vectors of columns of `softmax_tile`.
template <int Block, int V>
static inline bool softmax_columns(float *scores, int64_t keys, float *largest, float *sums, float *shrink) {
  Floats top[V], sum[V] = {};
#pragma GCC unroll 4
  for (int v = 0; v < V; v++)
    top[v] = load(largest + v * kLanes);
  for (int64_t k = 0; k < keys; k++)
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) // a NaN may be lost here, but the sum keeps it
      top[v] = larger_of(top[v], load(scores + k * Block + v * kLanes));
  for (int64_t k = 0; k < keys; k++)
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) {
      const Floats p = power_of_two(load(scores + k * Block + v * kLanes) - top[v]);
      store(scores + k * Block + v * kLanes, p);
      sum[v] += p;
    }
  Ints moved = {};
  for (int v = 0; v < V; v++) {
    const Floats before = load(largest + v * kLanes);
    const Floats factor = power_of_two(before - top[v]);
    moved |= before != top[v];
    store(shrink + v * kLanes, factor);
    store(largest + v * kLanes, top[v]);
    store(sums + v * kLanes, load(sums + v * kLanes) * factor + sum[v]);
  }
  int any = 0;
  for (int lane = 0; lane < kLanes; lane++)
    any |= moved[lane];
  return any != 0;
}

// The softmax of one more tile of scores [keys, Block], a query per column: scores become 2^(score - largest),
// `largest` and `sums` are brought up to date, and `shrink` says by how much earlier results must be scaled.
// Returns whether any must.
template <int Block>
static bool softmax_tile(float *scores, int64_t keys, int64_t columns, float *largest, float *sums,
                         float *shrink) {
  bool moved = false;
  int64_t j = 0;
  for (; j + 4 * kLanes <= columns; j += 4 * kLanes)
    moved |= softmax_columns<Block, 4>(scores + j, keys, largest + j, sums + j, shrink + j);
  for (; j < columns; j += kLanes)
    moved |= softmax_columns<Block, 1>(scores + j, keys, largest + j, sums + j, shrink + j);
  return moved;
}

// The output of the queries first .. first + Block of one head. Scores are held transposed, [keys, queries]:
// the softmax then runs along whole vectors, and only the queries are ever transposed.
template <int Block, int Width, typename T>
static void forward_block(const hs_attention &args, const Head &head, int64_t first) {
  alignas(64) float qt[Width * Block], k[Block * Width], v[Block * Width], o[Block * Width],
      scores[Block * Block];
  alignas(64) float largest[Block], sums[Block], shrink[Block];
  const T *qkv = static_cast<const T *>(args.qkv);
  const int64_t rows = smaller(Block, head.t - first), columns = whole_vectors(rows), padded = head.padded;
  pack_rows(qkv + head.q + first * head.row, head.row, rows, head, scale_of(head) * kLog2E, v);
  transpose(v, rows, padded, columns, qt);
  for (int64_t r = 0; r < columns; r++) {
    largest[r] = -INFINITY;
    sums[r] = 0.0f;
  }
  for (int64_t key = 0; key < head.t; key += Block) {
    const int64_t keys = smaller(Block, head.t - key);
    const Left key_rows = rows_of(qkv + head.k + key * head.row, head.row, keys, head, k);
    pack_rows(qkv + head.v + key * head.row, head.row, keys, head, 1.0f, v);
    const int64_t ahead = smaller(Block, head.t - key - keys);
    prefetch_rows(qkv + head.k + (key + keys) * head.row, head.row, ahead, head.d);
    prefetch_rows(qkv + head.v + (key + keys) * head.row, head.row, ahead, head.d);
    multiply(keys, columns, head.d, key_rows, qt, columns, scores, Block, false);
    const bool moved = softmax_tile<Block>(scores, keys, columns, largest, sums, shrink);
    if (key > 0 && moved)
      for (int64_t r = 0; r < rows; r++)
        for (int64_t j = 0; j < padded; j += kLanes)
          store(o + r * padded + j, load(o + r * padded + j) * shrink[r]);
    multiply(rows, padded, keys, {scores, 1, Block}, v, padded, o, padded, key > 0);
  }
  T *y = static_cast<T *>(args.y) + head.y + first * head.y_row;
  for (int64_t r = 0; r < rows; r++) {
    const float *from = o + r * padded;
    T *to = y + r * head.y_row;
    const float inverse = 1.0f / sums[r];
    for_vectors(head.d, [=]<int B, bool Tail>(int64_t j, int lanes) {
      for (int b = 0; b < B; b++)
        put<Tail>(to + j + b * kLanes, load(from + j + b * kLanes) * inverse, lanes);
    });
    if (args.logsumexp)
      args.logsumexp[head.unit * head.t + first + r] = largest[r] * kLn2 + logf(sums[r]);
  }
}

template <int Block, int Width, typename T> static void forward(const hs_attention &args) {
  const int64_t blocks = (args.t + Block - 1) / Block;
  const int64_t units = args.n * args.heads;
  parallel_items(units * blocks, units * args.t * args.t * args.d, [&](int64_t item) {
    forward_block<Block, Width, T>(args, head_at(args, item / blocks), item % blocks * Block);
  });
}

// ---- Backward
// ---------------------------------------------------------------------------------------------------

struct Workspace {
  float *delta; // [units, t]: sum over channels of dy y
  float *dq;    // [units, t, padded]
};

static Workspace workspace_of(const hs_attention &args) {
  return {args.workspace, args.workspace + args.n * args.heads * args.t};
}

// The sum over channels of dy y, per token: what the softmax subtracts from the gradient of its
// probabilities.
template <typename T>
static void row_products(const hs_attention &args, const Head &head, int64_t first, int64_t rows) {
  const T *y = static_cast<const T *>(args.y) + head.y;
  const T *dy = static_cast<const T *>(args.dy) + head.y;
  float *delta = workspace_of(args).delta + head.unit * head.t;
  for (int64_t r = first; r < first + rows; r++) {
    Floats sum = {};
    for_vectors(head.d, [&]<int B, bool Tail>(int64_t j, int lanes) {
      for (int b = 0; b < B; b++)
        sum += fetch<Tail>(y + r * head.y_row + j + b * kLanes, lanes) *
               fetch<Tail>(dy + r * head.y_row + j + b * kLanes, lanes);
    });
    delta[r] = horizontal_sum(sum);
  }
}

enum class Wanted { KEYS_AND_QUERIES, KEYS, QUERIES };

template <typename T>
static void write_rows(const float *from, int64_t rows, const Head &head, float factor, T *to) {
  for (int64_t r = 0; r < rows; r++)
    for_vectors(head.d, [=]<int B, bool Tail>(int64_t j, int lanes) {
      for (int b = 0; b < B; b++)
        put<Tail>(to + r * head.row + j + b * kLanes, factor * load(from + r * head.padded + j + b * kLanes),
                  lanes);
    });
}

// Runs the query blocks query_begin .. query_end against the key blocks key_begin .. key_end of one head: the
// gradients of those keys and values are complete when all queries are given, those of the queries when all
// keys are. Scores are held [queries, keys], so that only keys and values are transposed, once per key block.
template <int Block, int Width, typename T>
static void backward_tiles(const hs_attention &args, const Head &head, int64_t query_begin, int64_t query_end,
                           int64_t key_begin, int64_t key_end, Wanted wanted) {
  alignas(64) float q[Block * Width], dy[Block * Width], k[Block * Width], kt[Width * Block],
      vt[Width * Block], dk[Block * Width], dv[Block * Width], p[Block * Block], ds[Block * Block];
  const T *qkv = static_cast<const T *>(args.qkv);
  const T *upstream = static_cast<const T *>(args.dy);
  T *dqkv = static_cast<T *>(args.dqkv);
  const int64_t padded = head.padded;
  const float scale = scale_of(head);
  const float *delta = workspace_of(args).delta + head.unit * head.t;
  const float *logsumexp = args.logsumexp + head.unit * head.t;
  float *dq = workspace_of(args).dq + head.unit * head.t * padded;
  for (int64_t key = key_begin; key < key_end; key += Block) {
    const int64_t keys = smaller(Block, head.t - key), columns = whole_vectors(keys);
    pack_rows(qkv + head.v + key * head.row, head.row, keys, head, 1.0f, k);
    transpose(k, keys, padded, columns, vt);
    pack_rows(qkv + head.k + key * head.row, head.row, keys, head, scale * kLog2E, k);
    transpose(k, keys, padded, columns, kt);
    for (int64_t query = query_begin; query < query_end; query += Block) {
      const int64_t rows = smaller(Block, head.t - query);
      pack_rows(qkv + head.q + query * head.row, head.row, rows, head, 1.0f, q);
      pack_rows(upstream + head.y + query * head.y_row, head.y_row, rows, head, 1.0f, dy);
      const int64_t ahead = smaller(Block, query_end - query - rows);
      prefetch_rows(qkv + head.q + (query + rows) * head.row, head.row, ahead, head.d);
      prefetch_rows(upstream + head.y + (query + rows) * head.y_row, head.y_row, ahead, head.d);
      multiply(rows, columns, head.d, {q, padded, 1}, kt, columns, p, Block, false);
      multiply(rows, columns, head.d, {dy, padded, 1}, vt, columns, ds, Block, false);
      for (int64_t r = 0; r < rows; r++) {
        const float offset = logsumexp[query + r] * kLog2E, mean = delta[query + r];
        for (int64_t j = r * Block; j < r * Block + columns; j += kLanes) {
          const Floats probability = power_of_two(load(p + j) - offset);
          store(p + j, probability);
          store(ds + j, probability * (load(ds + j) - mean));
        }
      }
      if (wanted != Wanted::QUERIES) {
        multiply(keys, padded, rows, {p, 1, Block}, dy, padded, dv, padded, query > query_begin);
        multiply(keys, padded, rows, {ds, 1, Block}, q, padded, dk, padded, query > query_begin);
      }
      if (wanted != Wanted::KEYS)
        multiply(rows, padded, keys, {ds, Block, 1}, k, padded, dq + query * padded, padded, key > key_begin);
    }
    if (wanted != Wanted::QUERIES) {
      write_rows(dk, keys, head, scale, dqkv + head.k + key * head.row);
      write_rows(dv, keys, head, 1.0f, dqkv + head.v + key * head.row);
    }
  }
  if (wanted != Wanted::KEYS) // the keys were scaled already, in units of ln 2
    write_rows(dq + query_begin * padded, smaller(query_end, head.t) - query_begin, head, kLn2,
               dqkv + head.q + query_begin * head.row);
}

template <int Block, int Width, typename T> static void backward(const hs_attention &args) {
  const int64_t blocks = (args.t + Block - 1) / Block, t = args.t;
  const int64_t units = args.n * args.heads;
  const int64_t work = units * t * t * args.d;
  if (units >= omp_get_max_threads() || blocks == 1) {
    parallel_items(units, work, [&](int64_t unit) {
      const Head head = head_at(args, unit);
      row_products<T>(args, head, 0, t);
      backward_tiles<Block, Width, T>(args, head, 0, t, 0, t, Wanted::KEYS_AND_QUERIES);
    });
    return;
  }
  // Few heads: threads share the blocks of a head, at the price of forming the scores twice.
  parallel_items(units * blocks, work, [&](int64_t item) {
    const int64_t first = item % blocks * Block;
    row_products<T>(args, head_at(args, item / blocks), first, smaller(Block, t - first));
  });
  parallel_items(2 * units * blocks, work, [&](int64_t item) {
    const Head head = head_at(args, item / 2 / blocks);
    const int64_t first = item / 2 % blocks * Block;
    if (item % 2 == 0)
      backward_tiles<Block, Width, T>(args, head, 0, t, first, smaller(t, first + Block), Wanted::KEYS);
    else
      backward_tiles<Block, Width, T>(args, head, first, smaller(t, first + Block), 0, t, Wanted::QUERIES);
  });
}

// ---- Entry points
// -----------------------------------------------------------------------------------------------

static bool valid(const hs_attention *args) {
  return args && args->n >= 0 && args->t >= 1 && args->heads >= 1 && args->d >= 1 && args->qkv && args->y &&
         (args->order == HS_ATTENTION_LEGACY || args->order == HS_ATTENTION_NEW) && is_dtype(args->dtype);
}

extern "C" int64_t HS_NAME(hs_attention_workspace)(int64_t n, int64_t t, int32_t heads, int32_t d,
                                                   int32_t backward) {
  if (!backward || n <= 0 || t <= 0 || heads <= 0 || d <= 0)
    return 0;
  constexpr int64_t kWidest = 16; // lanes of the widest variant, so that all agree
  return n * heads * t * (1 + (d + kWidest - 1) / kWidest * kWidest) * static_cast<int64_t>(sizeof(float));
}

// Blocks shrink as heads widen, so that a thread's tiles stay within its stack and its cache.
HS_KERNEL(hs_attention_forward)(hs_stream, const hs_attention *args) {
  HS_REQUIRE(valid(args));
  if (args->d > kMaxWidth)
    return HS_UNSUPPORTED;
  with_storage(args->dtype, [&](auto storage) {
    using T = decltype(storage);
    if (args->d <= 64)
      forward<64, 64, T>(*args);
    else if (args->d <= 256)
      forward<32, 256, T>(*args);
    else
      forward<16, kMaxWidth, T>(*args);
  });
  return HS_OK;
}

HS_KERNEL(hs_attention_backward)(hs_stream, const hs_attention *args) {
  HS_REQUIRE(valid(args) && args->logsumexp && args->dy && args->dqkv && args->workspace);
  if (args->d > kMaxWidth)
    return HS_UNSUPPORTED;
  with_storage(args->dtype, [&](auto storage) {
    using T = decltype(storage);
    if (args->d <= 64)
      backward<64, 64, T>(*args);
    else if (args->d <= 256)
      backward<32, 256, T>(*args);
    else
      backward<16, kMaxWidth, T>(*args);
  });
  return HS_OK;
}
