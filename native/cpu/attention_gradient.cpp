// The backward pass of attention in tiles: the probabilities are formed again from the saved logsumexp, so
// that no t x t matrix is stored.
#include "attention.h"

namespace {

struct Workspace {
  float *delta; // [units, t]: sum over channels of dy y
  float *dq;    // [units, t, padded]
};

// Probabilities [queries, keys]: powers of two of the scores less the row's logsumexp, in units of ln 2.
struct Probabilities {
  float *p;
  const float *logsumexp;
  int64_t row;

  HS_INLINE_MEMBER Floats begin(int64_t i, int64_t) const { return splat(-kLog2E * logsumexp[i]); }

  template <int M, int N> HS_INLINE_MEMBER void end(int64_t i, int64_t j, const Floats (&sum)[M][N]) const {
#pragma GCC unroll 16
    for (int r = 0; r < M; r++)
#pragma GCC unroll 16
      for (int v = 0; v < N; v++)
        store(p + (i + r) * row + j + v * kLanes, power_of_two(sum[r][v]));
  }
};

// The gradient of the scores: p (dp - delta), where dp is the product.
struct ScoreGradients {
  float *ds;
  const float *p, *delta;
  int64_t row;

  HS_INLINE_MEMBER Floats begin(int64_t i, int64_t) const { return splat(-delta[i]); }

  template <int M, int N> HS_INLINE_MEMBER void end(int64_t i, int64_t j, const Floats (&sum)[M][N]) const {
#pragma GCC unroll 16
    for (int r = 0; r < M; r++)
#pragma GCC unroll 16
      for (int v = 0; v < N; v++) {
        const int64_t at = (i + r) * row + j + v * kLanes;
        store(ds + at, load(p + at) * sum[r][v]);
      }
  }
};

} // namespace

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

// Runs the query blocks query_begin .. query_end against the key blocks key_begin .. key_end of one head: the
// gradients of those keys and values are complete when all queries are given, those of the queries when all
// keys are. Scores are held [queries, keys] and the gradients of keys and values [d, keys]: keys and values
// are transposed once per key block, as are their gradients; queries and dy are read as they lie. `next` is
// what the thread takes up afterwards.
template <int Block, int Width, typename T>
static void backward_tiles(const hs_attention &args, const Head &head, int64_t query_begin, int64_t query_end,
                           int64_t key_begin, int64_t key_end, Wanted wanted, const Head &next) {
  alignas(64) float q_buffer[Block * Width], dy_buffer[Block * Width], k[Block * Width], kt[Width * Block],
      vt[Width * Block], dkt[Width * Block], dvt[Width * Block], p[Block * Block], ds[Block * Block];
  const T *qkv = static_cast<const T *>(args.qkv);
  const T *upstream = static_cast<const T *>(args.dy);
  const T *y = static_cast<const T *>(args.y);
  T *dqkv = static_cast<T *>(args.dqkv);
  const int64_t padded = head.padded, d = head.d;
  const float scale = scale_of(head);
  const float *delta = workspace_of(args).delta + head.unit * head.t;
  const float *logsumexp = args.logsumexp + head.unit * head.t;
  float *dq = workspace_of(args).dq + head.unit * head.t * padded;
  if (wanted != Wanted::KEYS)
    clear(dq + query_begin * padded, (query_end - query_begin) * padded);
  for (int64_t key = key_begin; key < key_end; key += Block) {
    const int64_t keys = smaller(Block, head.t - key), columns = whole_vectors(keys);
    pack_rows(qkv + head.v + key * head.row, head.row, keys, head, 1.0f, k);
    transpose(k, padded, keys, padded, vt, Block, columns);
    pack_rows(qkv + head.k + key * head.row, head.row, keys, head, scale * kLog2E, k);
    transpose(k, padded, keys, padded, kt, Block, columns);
    clear(dkt, whole_quads(d) * Block);
    clear(dvt, whole_quads(d) * Block);
    for (int64_t query = query_begin; query < query_end; query += Block) {
      const int64_t rows = smaller(Block, head.t - query);
      const Rows q = rows_of(qkv + head.q + query * head.row, head.row, rows, head, q_buffer);
      const Rows dy = rows_of(upstream + head.y + query * head.y_row, head.y_row, rows, head, dy_buffer);
      // What comes next: more queries of this head, or the first tile of another and what this one writes.
      const bool written = query + rows == query_end, last = written && key + keys == key_end;
      const Head &from = last ? next : head;
      const int64_t first = last ? 0 : written ? query_begin : query + rows;
      const int64_t count = smaller(Block, head.t - first), new_keys = last ? smaller(Block, head.t) : 0;
      const int64_t results = written && wanted != Wanted::QUERIES ? keys : 0;
      multiply(rows, columns, d, q, kt, Block, Probabilities{p, logsumexp + query, Block},
               ahead_rows(qkv + from.q + first * head.row, head.row, count, d));
      multiply(rows, columns, d, dy, vt, Block, ScoreGradients{ds, p, delta + query, Block},
               ahead_rows(upstream + from.y + first * head.y_row, head.y_row, count, d));
      if (wanted != Wanted::QUERIES) {
        multiply(d, columns, rows, Columns{dy.data, dy.stride}, p, Block, Added{dvt, Block},
                 ahead_rows(qkv + next.v, head.row, new_keys, d),
                 ahead_rows(dqkv + head.k + key * head.row, head.row, results, d));
        multiply(d, columns, rows, Columns{q.data, q.stride}, ds, Block, Added{dkt, Block},
                 ahead_rows(qkv + next.k, head.row, new_keys, d),
                 ahead_rows(dqkv + head.v + key * head.row, head.row, results, d));
      }
      if (wanted != Wanted::KEYS)
        multiply(rows, padded, keys, Rows{ds, Block}, k, padded, Added{dq + query * padded, padded},
                 ahead_rows(y + next.y, head.y_row, new_keys, d),
                 ahead_rows(dqkv + head.q + query * head.row, head.row, key + keys == key_end ? rows : 0, d));
    }
    if (wanted != Wanted::QUERIES) {
      transpose(dkt, Block, d, columns, k, padded, whole_quads(d));
      write_rows(k, padded, keys, d, scale, dqkv + head.k + key * head.row, head.row);
      transpose(dvt, Block, d, columns, k, padded, whole_quads(d));
      write_rows(k, padded, keys, d, 1.0f, dqkv + head.v + key * head.row, head.row);
    }
  }
  if (wanted != Wanted::KEYS) // the keys were scaled already, in units of ln 2
    write_rows(dq + query_begin * padded, padded, query_end - query_begin, d, kLn2,
               dqkv + head.q + query_begin * head.row, head.row);
}

template <int Block, int Width, typename T> static void backward(const hs_attention &args) {
  const int64_t blocks = (args.t + Block - 1) / Block, t = args.t;
  const int64_t units = args.n * args.heads;
  const int64_t work = units * t * t * args.d;
  if (units >= omp_get_max_threads() || blocks == 1) {
    parallel_items(units, work, [&](int64_t unit) {
      const Head head = head_at(args, unit);
      row_products<T>(args, head, 0, t);
      const Head next = head_at(args, smaller(unit + 1, units - 1));
      backward_tiles<Block, Width, T>(args, head, 0, t, 0, t, Wanted::KEYS_AND_QUERIES, next);
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
      backward_tiles<Block, Width, T>(args, head, 0, t, first, smaller(t, first + Block), Wanted::KEYS, head);
    else
      backward_tiles<Block, Width, T>(args, head, first, smaller(t, first + Block), 0, t, Wanted::QUERIES,
                                      head);
  });
}

HS_SIZES(hs_attention_workspace)(const struct hs_attention *args, int32_t gradient) {
  if (!gradient || !args || args->n <= 0 || args->t <= 0 || args->heads <= 0 || args->d <= 0)
    return 0;
  constexpr int64_t kWidest = 16; // lanes of the widest variant, so that all agree
  const int64_t tokens = args->n * args->heads * args->t;
  return tokens * (1 + round_up(args->d, kWidest)) * static_cast<int64_t>(sizeof(float));
}

// Blocks as in the forward pass.
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
