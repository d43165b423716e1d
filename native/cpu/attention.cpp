// Attention in tiles (Dao, Fu, Ermon, Rudra, Ré: "FlashAttention", 2022): the t x t scores are never stored.
// Tiles depend on d alone, and every sum runs over tiles in order.
#include "attention.h"

// ---- Products ---------------------------------------------------------------------------------------------

namespace {

// Scores [keys, queries], `row` apart; the largest of each column is brought up to date.
struct Scores {
  float *scores, *largest;
  int64_t row;

  HS_INLINE_MEMBER Floats begin(int64_t, int64_t) const { return Floats{}; }

  template <int M, int N> HS_INLINE_MEMBER void end(int64_t i, int64_t j, const Floats (&sum)[M][N]) const {
#pragma GCC unroll 16
    for (int v = 0; v < N; v++) {
      Floats top = load(largest + j + v * kLanes);
#pragma GCC unroll 16
      for (int r = 0; r < M; r++) {
        top = larger_of(top, sum[r][v]); // a NaN may be lost here, but the sum keeps it
        store(scores + (i + r) * row + j + v * kLanes, sum[r][v]);
      }
      store(largest + j + v * kLanes, top);
    }
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

} // namespace

// ---- Softmax ----------------------------------------------------------------------------------------------

// V vectors of columns of `softmax_tile`.
template <int V>
static inline void softmax_columns(float *scores, int64_t row, int64_t keys, const float *before,
                                   const float *largest, float *sums, float *shrink) {
  Floats top[V], sum[V] = {};
#pragma GCC unroll 4
  for (int v = 0; v < V; v++)
    top[v] = load(largest + v * kLanes);
  for (int64_t k = 0; k < keys; k++)
#pragma GCC unroll 4
    for (int v = 0; v < V; v++) {
      const Floats p = power_of_two(load(scores + k * row + v * kLanes) - top[v]);
      store(scores + k * row + v * kLanes, p);
      sum[v] += p;
    }
  for (int v = 0; v < V; v++) {
    const Floats factor = power_of_two(load(before + v * kLanes) - top[v]);
    store(shrink + v * kLanes, factor);
    store(sums + v * kLanes, load(sums + v * kLanes) * factor + sum[v]);
  }
}

// The softmax of one more tile of scores [keys, columns], a query per column: scores become
// 2^(score - largest), `sums` are brought up to date, and `shrink` is what earlier results, relative to the
// maxima `before`, must be multiplied by.
static void softmax_tile(float *scores, int64_t row, int64_t keys, int64_t columns, const float *before,
                         const float *largest, float *sums, float *shrink) {
  int64_t j = 0;
  for (; j + 4 * kLanes <= columns; j += 4 * kLanes)
    softmax_columns<4>(scores + j, row, keys, before + j, largest + j, sums + j, shrink + j);
  for (; j < columns; j += kLanes)
    softmax_columns<1>(scores + j, row, keys, before + j, largest + j, sums + j, shrink + j);
}

// ---- Forward ----------------------------------------------------------------------------------------------

namespace {

// The queries first .. first + Block of a head.
struct Queries {
  Head head;
  int64_t first;
};

} // namespace

// The output of one block. Scores are held transposed, [keys, queries], and so is the output, [d, queries]:
// softmax and rescaling run along whole vectors, keys and values are read as they lie, and only the block's
// queries and its output are transposed. `next` is what the thread takes up afterwards.
template <int Block, int Width, typename T>
static void forward_block(const hs_attention &args, const Queries &block, const Queries &next) {
  const Head &head = block.head;
  const int64_t first = block.first;
  alignas(64) float qt[Width * Block], rows_buffer[Block * Width], ot[Width * Block], scores[Block * Block];
  alignas(64) float before[Block], largest[Block], sums[Block], shrink[Block];
  const T *qkv = static_cast<const T *>(args.qkv);
  T *y = static_cast<T *>(args.y) + head.y + first * head.y_row;
  const int64_t rows = smaller(Block, head.t - first), columns = whole_vectors(rows), padded = head.padded;
  pack_rows(qkv + head.q + first * head.row, head.row, rows, head, scale_of(head) * kLog2E, rows_buffer);
  transpose(rows_buffer, padded, rows, padded, qt, Block, columns);
  clear(ot, whole_quads(head.d) * Block);
  for (int64_t r = 0; r < columns; r++) {
    largest[r] = -INFINITY;
    sums[r] = 0.0f;
  }
  for (int64_t key = 0; key < head.t; key += Block) {
    const int64_t keys = smaller(Block, head.t - key);
    // What is read next: more keys of this head, or another block's queries and, if its head is new, keys.
    const bool last = key + keys == head.t;
    const int64_t key_ahead = last ? 0 : key + keys;
    const int64_t count = last && next.first > 0 ? 0 : smaller(Block, head.t - key_ahead);
    const int64_t queries = last ? smaller(Block, head.t - next.first) : 0;
    const T *ahead = qkv + key_ahead * head.row;
    const Head &after = last ? next.head : head;
    __builtin_memcpy(before, largest, sizeof before);
    multiply(keys, columns, head.d, rows_of(qkv + head.k + key * head.row, head.row, keys, head, rows_buffer),
             qt, Block, Scores{scores, largest, Block}, ahead_rows(ahead + after.k, head.row, count, head.d),
             ahead_rows(qkv + next.head.q + next.first * head.row, head.row, queries, head.d));
    softmax_tile(scores, Block, keys, columns, before, largest, sums, shrink);
    const Rows values = rows_of(qkv + head.v + key * head.row, head.row, keys, head, rows_buffer);
    multiply(head.d, columns, keys, Columns{values.data, values.stride}, scores, Block,
             Rescaled{ot, shrink, Block}, ahead_rows(ahead + after.v, head.row, count, head.d),
             ahead_rows(y, head.y_row, last ? rows : 0, head.d));
  }
  for (int64_t j = 0; j < columns; j += kLanes)
    store(shrink + j, 1.0f / load(sums + j));
  for (int64_t i = 0; i < head.d; i++)
    for (int64_t j = 0; j < columns; j += kLanes)
      store(ot + i * Block + j, load(ot + i * Block + j) * load(shrink + j));
  transpose(ot, Block, head.d, columns, rows_buffer, padded, whole_quads(head.d));
  write_rows(rows_buffer, padded, rows, head.d, 1.0f, y, head.y_row);
  if (args.logsumexp)
    for (int64_t r = 0; r < rows; r++)
      args.logsumexp[head.unit * head.t + first + r] = largest[r] * kLn2 + logf(sums[r]);
}

template <int Block, int Width, typename T> static void forward(const hs_attention &args) {
  const int64_t blocks = (args.t + Block - 1) / Block;
  const int64_t units = args.n * args.heads;
  const auto block = [&](int64_t item) {
    return Queries{head_at(args, item / blocks), item % blocks * Block};
  };
  parallel_items(units * blocks, units * args.t * args.t * args.d, [&](int64_t item) {
    forward_block<Block, Width, T>(args, block(item), block(smaller(item + 1, units * blocks - 1)));
  });
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
