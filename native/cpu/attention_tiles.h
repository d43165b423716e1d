// The forward pass of attention, for products of float32 and of pairs of bfloat16: in tiles (Dao, Fu, Ermon,
// Rudra, Ré: "FlashAttention", 2022), so that the tq x tk scores are never stored. Tiles depend on d alone, and
// every sum runs over tiles in order.
#ifndef HALFSTEP_CPU_ATTENTION_TILES_H
#define HALFSTEP_CPU_ATTENTION_TILES_H

#include "attention.h"

namespace {

// Scores [keys, queries], `row` apart, in units of ln 2; the largest of each column is brought up to date.
template <typename Products> struct Scores {
  float *scores, *largest;
  int64_t row;
  float factor;

  HS_INLINE_MEMBER Floats begin(int64_t, int64_t) const { return Floats{}; }

  template <int M, int N> HS_INLINE_MEMBER void end(int64_t i, int64_t j, const Floats (&sum)[M][N]) const {
#pragma GCC unroll 16
    for (int v = 0; v < N; v++) {
      Floats top = load(largest + j + v * kLanes);
#pragma GCC unroll 16
      for (int r = 0; r < M; r++) {
        const Floats score = Products::score(sum[r][v], factor);
        top = larger_of(top, score); // a NaN may be lost here, but the sum keeps it
        store(scores + (i + r) * row + j + v * kLanes, score);
      }
      store(largest + j + v * kLanes, top);
    }
  }
};

// Scores of queries that do not see all keys: query j sees keys 0 .. j + diagonal of the tile.
template <typename Products> struct CausalScores {
  Scores<Products> all;
  int64_t diagonal;

  HS_INLINE_MEMBER Floats begin(int64_t i, int64_t j) const { return all.begin(i, j); }

  template <int M, int N> HS_INLINE_MEMBER void end(int64_t i, int64_t j, const Floats (&sum)[M][N]) const {
    Floats seen[M][N];
#pragma GCC unroll 16
    for (int r = 0; r < M; r++)
#pragma GCC unroll 16
      for (int v = 0; v < N; v++)
        seen[r][v] = from_lane(i + r - j - v * kLanes - diagonal, sum[r][v], splat(-INFINITY));
    all.template end<M, N>(i, j, seen);
  }
};

// Adds to an output [d, queries] whose columns are scaled first.
struct Rescaled {
  float *c;
  const float *factor;
  int64_t row;

  HS_INLINE_MEMBER Floats begin(int64_t i, int64_t j) const {
    return load(c + i * row + j) * load(factor + j);
  }

  template <int M, int N> HS_INLINE_MEMBER void end(int64_t i, int64_t j, const Floats (&sum)[M][N]) const {
    Added{c, row}.end<M, N>(i, j, sum);
  }
};

// The queries first .. first + Block of a head.
template <typename T> struct Queries {
  Head<T> head;
  int64_t first;
};

} // namespace

// ---- Forward ----------------------------------------------------------------------------------------------

// The output of one block. Scores are held transposed, [keys, queries], and so is the output, [d, queries]:
// softmax and rescaling run along whole vectors, keys are read as they lie, and only the block's queries and its
// output are transposed. `next` is what the thread takes up afterwards.
//
// Products says how two factors become a sum: in what form queries, keys, powers and values are multiplied.
template <typename Products, int Block, int Width, typename T>
static void forward_block(const hs_attention &args, const Queries<T> &block, const Queries<T> &next) {
  const Head<T> &head = block.head;
  const int64_t first = block.first, d = head.d, padded = head.padded;
  alignas(64) float qt[Width * Block], rows_buffer[Block * Width], ot[Width * Block], scores[Block * Block];
  alignas(64) float before[Block], largest[Block], sums[Block], shrink[Block];
  const HeadRows<T> y = result_rows(args, static_cast<T *>(args.y), head.unit);
  const int64_t rows = smaller(Block, head.queries - first), columns = whole_vectors(rows);
  const float factor = args.scale * kLog2E;
  Products::template pack_queries<Block>(head.q, first, rows, d, factor, rows_buffer, qt, columns);
  clear(ot, whole_quads(d) * Block);
  for (int64_t r = 0; r < columns; r++) {
    largest[r] = -INFINITY;
    sums[r] = 0.0f;
  }
  const int64_t end = head.keys_before(first + rows);
  for (int64_t key = 0; key < end; key += Block) {
    const int64_t keys = smaller(Block, end - key);
    // What is read next: more keys of this head, or another block's queries and, if its head is new, keys.
    const bool last = key + keys == end;
    const Head<T> &after = last ? next.head : head;
    const int64_t key_ahead = last ? 0 : key + keys;
    const int64_t count = last && next.first > 0 ? 0 : smaller(Block, after.taken - key_ahead);
    const int64_t queries = last ? smaller(Block, after.queries - next.first) : 0;
    __builtin_memcpy(before, largest, sizeof before);
    const auto score = [&](auto tile) {
      multiply_channels<Width>(keys, columns, Products::terms(d),
                               Products::keys(head.k, key, keys, d, rows_buffer), qt, Block, tile, scores,
                               Block, ahead_rows(after.k, key_ahead, count, d),
                               ahead_rows(next.head.q, next.first, queries, d));
    };
    const Scores<Products> all = {scores, largest, Block, factor};
    if (head.causal && key + keys > first + 1)
      score(CausalScores<Products>{all, first - key});
    else
      score(all);
    Products::softmax(scores, Block, keys, columns, before, largest, sums, shrink);
    multiply(d, columns, Products::terms(keys), Products::values(head.v, key, keys, d, rows_buffer), scores,
             Block, Rescaled{ot, shrink, Block}, ahead_rows(after.v, key_ahead, count, d),
             ahead_rows(y, first, last ? rows : 0, d));
  }
  for (int64_t j = 0; j < columns; j += kLanes)
    store(shrink + j, 1.0f / load(sums + j));
  for (int64_t i = 0; i < d; i++)
    for (int64_t j = 0; j < columns; j += kLanes)
      store(ot + i * Block + j, load(ot + i * Block + j) * load(shrink + j));
  transpose(ot, Block, d, columns, rows_buffer, padded, whole_quads(d));
  write_rows(rows_buffer, padded, rows, d, 1.0f, y, first);
  if (args.logsumexp)
    for (int64_t r = 0; r < rows; r++)
      args.logsumexp[head.unit * head.queries + first + r] = largest[r] * kLn2 + logf(sums[r]);
}

template <typename Products, int Block, int Width, typename T> static void forward(const hs_attention &args) {
  const int64_t blocks = ceil_div(args.tq, Block);
  const int64_t units = args.n * args.heads;
  const auto block = [&](int64_t item) {
    return Queries<T>{head_at<T>(args, item / blocks), item % blocks * Block};
  };
  parallel_items(units * blocks, units * args.tq * args.tk * args.d, [&](int64_t item) {
    forward_block<Products, Block, Width, T>(args, block(item), block(smaller(item + 1, units * blocks - 1)));
  });
}

#endif
