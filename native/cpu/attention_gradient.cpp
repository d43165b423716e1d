// The backward pass of attention in tiles: the probabilities are formed again from the saved logsumexp, so
// that no tq x tk matrix is stored.
#include "attention.h"

namespace {

struct Workspace {
  float *delta; // [units, tq]: sum over channels of dy y
  float *dq;    // [units, tq, padded]
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

// The same where not all queries see all keys: query i sees keys 0 .. i + diagonal of the tile.
struct CausalProbabilities {
  Probabilities all;
  int64_t diagonal;

  HS_INLINE_MEMBER Floats begin(int64_t i, int64_t j) const { return all.begin(i, j); }

  template <int M, int N> HS_INLINE_MEMBER void end(int64_t i, int64_t j, const Floats (&sum)[M][N]) const {
#pragma GCC unroll 16
    for (int r = 0; r < M; r++)
#pragma GCC unroll 16
      for (int v = 0; v < N; v++)
        store(all.p + (i + r) * all.row + j + v * kLanes,
              from_lane(i + r + diagonal + 1 - j - v * kLanes, Floats{}, power_of_two(sum[r][v])));
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
  return {args.workspace, args.workspace + args.n * args.heads * args.tq};
}

// The sum over channels of dy y, per token: what the softmax subtracts from the gradient of its
// probabilities.
template <typename T>
static void row_products(const hs_attention &args, int64_t unit, int64_t first, int64_t rows) {
  const HeadRows<const T> y = result_rows(args, static_cast<const T *>(args.y), unit);
  const HeadRows<const T> dy = result_rows(args, static_cast<const T *>(args.dy), unit);
  float *delta = workspace_of(args).delta + unit * args.tq;
  for (int64_t r = first; r < first + rows; r++) {
    Floats sum = {};
    for_vectors(args.d, [&]<int B, bool Tail>(int64_t j, int lanes) {
      for (int b = 0; b < B; b++)
        sum +=
            fetch<Tail>(y.at(r) + j + b * kLanes, lanes) * fetch<Tail>(dy.at(r) + j + b * kLanes, lanes);
    });
    delta[r] = horizontal_sum(sum);
  }
}

// A range of tokens.
struct Range {
  int64_t begin, end;
};

enum class Wanted { KEYS_AND_QUERIES, KEYS, QUERIES };

// Runs a range of query blocks against a range of key blocks of one head: the gradients of those keys and
// values are complete when all queries are given, those of the queries when all keys are. Scores are held
// [queries, keys] and the gradients of keys and values [d, keys]: keys and values are transposed once per key
// block, as are their gradients; queries and dy are read as they lie. `next` is what the thread takes up
// afterwards.
template <int Block, int Width, typename T>
static void backward_tiles(const hs_attention &args, const Head<T> &head, Range queries, Range all_keys,
                           Wanted wanted, const Head<T> &next) {
  constexpr int kBuffer = sizeof(T) == sizeof(float) ? 1 : Block * Width; // rows of floats are read in place
  alignas(64) float q_buffer[kBuffer], dy_buffer[kBuffer], k[Block * Width], kt[Width * Block],
      vt[Width * Block], dkt[Width * Block], dvt[Width * Block], p[Block * Block], ds[Block * Block];
  const auto upstream_of = [&](const Head<T> &of) {
    return result_rows(args, static_cast<const T *>(args.dy), of.unit);
  };
  const HeadRows<const T> upstream = upstream_of(head);
  const HeadRows<T> q_gradient = gradient_rows(args.dq, head.q, args.q);
  const HeadRows<T> k_gradient = gradient_rows(args.dk, head.k, args.k);
  const HeadRows<T> v_gradient = gradient_rows(args.dv, head.v, args.v);
  const HeadRows<const T> next_y = result_rows(args, static_cast<const T *>(args.y), next.unit);
  const int64_t padded = head.padded, d = head.d;
  const float scale = args.scale;
  const float *delta = workspace_of(args).delta + head.unit * head.queries;
  const float *logsumexp = args.logsumexp + head.unit * head.queries;
  float *dq = workspace_of(args).dq + head.unit * head.queries * padded;
  if (wanted != Wanted::KEYS)
    clear(dq + queries.begin * padded, (queries.end - queries.begin) * padded);
  const int64_t key_end = smaller(all_keys.end, head.keys_before(queries.end));
  for (int64_t key = all_keys.begin; key < key_end; key += Block) {
    const int64_t keys = smaller(Block, key_end - key), columns = whole_vectors(keys);
    pack_rows(head.v, key, keys, d, 1.0f, k);
    transpose(k, padded, keys, padded, vt, Block, columns);
    pack_rows(head.k, key, keys, d, scale * kLog2E, k);
    transpose(k, padded, keys, padded, kt, Block, columns);
    clear(dkt, whole_quads(d) * Block);
    clear(dvt, whole_quads(d) * Block);
    const int64_t seen_from = head.causal ? larger(queries.begin, key) : queries.begin;
    for (int64_t query = seen_from; query < queries.end; query += Block) {
      const int64_t rows = smaller(Block, queries.end - query);
      const Rows q = rows_of<T>(head.q, query, rows, d, q_buffer);
      const Rows dy = rows_of<T>(upstream, query, rows, d, dy_buffer);
      // What comes next: more queries of this head, or the first tile of another and what this one writes.
      const bool written = query + rows == queries.end, last = written && key + keys == key_end;
      const Head<T> &from = last ? next : head;
      const int64_t first = last ? 0 : written ? queries.begin : query + rows;
      const int64_t count = smaller(Block, head.queries - first);
      const int64_t new_keys = last ? smaller(Block, next.taken) : 0;
      const int64_t results = written && wanted != Wanted::QUERIES ? keys : 0;
      const auto score = [&](auto tile) {
        multiply_channels<Width>(rows, columns, d, q, kt, Block, tile, p, Block,
                                 ahead_rows(from.q, first, count, d));
      };
      const Probabilities all = {p, logsumexp + query, Block};
      if (head.causal && query + 1 < key + keys)
        score(CausalProbabilities{all, query - key});
      else
        score(all);
      multiply_channels<Width>(rows, columns, d, dy, vt, Block, ScoreGradients{ds, p, delta + query, Block}, ds,
                               Block, ahead_rows(upstream_of(from), first, count, d));
      if (wanted != Wanted::QUERIES) {
        multiply(d, columns, rows, Columns{dy.data, dy.stride}, p, Block, Added{dvt, Block},
                 ahead_rows(next.v, 0, new_keys, d), ahead_rows(k_gradient, key, results, d));
        multiply(d, columns, rows, Columns{q.data, q.stride}, ds, Block, Added{dkt, Block},
                 ahead_rows(next.k, 0, new_keys, d), ahead_rows(v_gradient, key, results, d));
      }
      if (wanted != Wanted::KEYS)
        multiply(rows, padded, keys, Rows{ds, Block}, k, padded, Added{dq + query * padded, padded},
                 ahead_rows(next_y, 0, last ? smaller(Block, next.queries) : 0, d),
                 ahead_rows(q_gradient, query, key + keys == key_end ? rows : 0, d));
    }
    if (wanted != Wanted::QUERIES) {
      transpose(dkt, Block, d, columns, k, padded, whole_quads(d));
      write_rows(k, padded, keys, d, scale, k_gradient, key);
      transpose(dvt, Block, d, columns, k, padded, whole_quads(d));
      write_rows(k, padded, keys, d, 1.0f, v_gradient, key);
    }
  }
  if (wanted != Wanted::QUERIES) { // keys that no query sees
    clear(k, padded);
    for (int64_t key = larger(key_end, all_keys.begin); key < all_keys.end; key++) {
      write_rows(k, padded, 1, d, 1.0f, k_gradient, key);
      write_rows(k, padded, 1, d, 1.0f, v_gradient, key);
    }
  }
  if (wanted != Wanted::KEYS) // the keys were scaled already, in units of ln 2
    write_rows(dq + queries.begin * padded, padded, queries.end - queries.begin, d, kLn2, q_gradient,
               queries.begin);
}

template <int Block, int Width, typename T> static void backward(const hs_attention &args) {
  const int64_t query_blocks = ceil_div(args.tq, Block), key_blocks = ceil_div(args.tk, Block);
  const int64_t units = args.n * args.heads, blocks = query_blocks + key_blocks;
  const int64_t work = units * args.tq * args.tk * args.d;
  const Range queries = {0, args.tq}, keys = {0, args.tk};
  if (units >= omp_get_max_threads() || blocks == 2) {
    parallel_items(units, work, [&](int64_t unit) {
      const Head<T> head = head_at<T>(args, unit);
      row_products<T>(args, unit, 0, args.tq);
      const Head<T> next = head_at<T>(args, smaller(unit + 1, units - 1));
      backward_tiles<Block, Width, T>(args, head, queries, keys, Wanted::KEYS_AND_QUERIES, next);
    });
    return;
  }
  // Few heads: threads share the blocks of a head, at the price of forming the scores twice.
  parallel_items(units * query_blocks, work, [&](int64_t item) {
    const int64_t first = item % query_blocks * Block;
    row_products<T>(args, item / query_blocks, first, smaller(Block, args.tq - first));
  });
  parallel_items(units * blocks, work, [&](int64_t item) {
    const Head<T> head = head_at<T>(args, item / blocks);
    const int64_t block = item % blocks;
    if (block < key_blocks) {
      const int64_t first = block * Block;
      backward_tiles<Block, Width, T>(args, head, queries, {first, smaller(args.tk, first + Block)},
                                      Wanted::KEYS, head);
    } else {
      const int64_t first = (block - key_blocks) * Block;
      backward_tiles<Block, Width, T>(args, head, {first, smaller(args.tq, first + Block)}, keys,
                                      Wanted::QUERIES, head);
    }
  });
}

HS_SIZES(hs_attention_workspace)(const struct hs_attention *args, int32_t gradient) {
  if (!gradient || !args || args->n <= 0 || args->tq <= 0 || args->heads <= 0 || args->d <= 0)
    return 0;
  constexpr int64_t kWidest = 16; // lanes of the widest variant, so that all agree
  const int64_t rows = args->n * args->heads * args->tq;
  return rows * (1 + round_up(args->d, kWidest)) * static_cast<int64_t>(sizeof(float));
}

// Blocks as in the forward pass, but for the widest heads, whose tiles would leave the stack.
HS_KERNEL(hs_attention_backward)(hs_stream, const hs_attention *args) {
  HS_REQUIRE(valid(args) && args->logsumexp && args->dy && args->dq && args->dk && args->dv &&
             args->workspace);
  if (args->d > kMaxWidth)
    return HS_UNSUPPORTED;
  with_storage(args->dtype, [&](auto storage) {
    using T = decltype(storage);
    if (args->d <= 64)
      backward<64, 64, T>(*args);
    else if (args->d <= 256)
      backward<32, 256, T>(*args);
    else if (args->d <= 512)
      backward<32, 512, T>(*args);
    else
      backward<16, kMaxWidth, T>(*args);
  });
  return HS_OK;
}
