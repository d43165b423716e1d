// What both passes of attention share: where a head lies, how its rows come into tiles, and how they are
// multiplied.
#ifndef HALFSTEP_CPU_ATTENTION_H
#define HALFSTEP_CPU_ATTENTION_H

#include "matmul.h"
#include "parallel.h"
#include "variant.h"
#include "vector_math.h"

#include <math.h>

static constexpr int64_t kMaxWidth = 1024;

static inline int64_t whole_vectors(int64_t count) { return round_up(count, kLanes); }

static inline int64_t whole_quads(int64_t count) { return round_up(count, 4); }

// The rows of one head of one sample: `row` elements from one to the next.
template <typename T> struct HeadRows {
  T *first;
  int64_t row;

  T *at(int64_t r) const { return first + r * row; }
};

// One head of one sample.
template <typename T> struct Head {
  int64_t unit, d, padded;      // unit: number among all heads; padded: d rounded up to whole vectors
  int64_t queries, keys, taken; // taken: keys that take part
  bool causal;
  HeadRows<const T> q, k, v;

  // How many keys the queries before `query` see at most.
  int64_t keys_before(int64_t query) const { return causal ? smaller(query, taken) : taken; }
};

template <typename T> static Head<T> head_at(const hs_attention &args, int64_t unit) {
  const int64_t i = unit / args.heads, h = unit % args.heads;
  const auto rows = [=](const void *from, int64_t sample, int64_t row, int64_t head) {
    return HeadRows<const T>{static_cast<const T *>(from) + i * sample + h * head, row};
  };
  const int64_t taken = args.lengths ? smaller(larger(args.lengths[i], 1), args.tk) : args.tk;
  return {unit,
          args.d,
          whole_vectors(args.d),
          args.tq,
          args.tk,
          taken,
          args.causal != 0,
          rows(args.q, args.q_sample, args.q_row, args.q_head),
          rows(args.k, args.k_sample, args.k_row, args.k_head),
          rows(args.v, args.v_sample, args.v_row, args.v_head)};
}

// The rows of the same head in an array that lies like y.
template <typename T> static HeadRows<T> result_rows(const hs_attention &args, T *from, int64_t unit) {
  const int64_t i = unit / args.heads, h = unit % args.heads;
  return {from + i * args.y_sample + h * args.y_head, args.y_row};
}

// The rows of a gradient that lie like `rows`, which begin at `of`.
template <typename T>
static HeadRows<T> gradient_rows(void *gradient, HeadRows<const T> rows, const void *of) {
  return {static_cast<T *>(gradient) + (rows.first - static_cast<const T *>(of)), rows.row};
}

static inline bool valid(const hs_attention *args) {
  return args && args->n >= 0 && args->tq >= 1 && args->tk >= 1 && args->heads >= 1 && args->d >= 1 &&
         args->q && args->k && args->v && args->y && is_dtype(args->dtype);
}

// Scores are formed in units of ln 2, so that powers of two take the place of exponentials.
static constexpr float kLog2E = 1.44269504f, kLn2 = 0.693147181f;

// to [rows, whole_vectors(d)] = factor * from, the columns past d zero.
template <typename T>
static void pack_rows(HeadRows<const T> from, int64_t first, int64_t rows, int64_t d, float factor,
                      float *to) {
  const int64_t padded = whole_vectors(d);
  for (int64_t r = 0; r < rows; r++)
    for_vectors(d, [=]<int B, bool Tail>(int64_t j, int lanes) {
      for (int b = 0; b < B; b++)
        store(to + r * padded + j + b * kLanes,
              factor * fetch<Tail>(from.at(first + r) + j + b * kLanes, lanes));
    });
}

// Rows to be read element by element: as they lie in memory where they are float, else converted into
// `buffer`.
template <typename T>
static Rows rows_of(HeadRows<const T> from, int64_t first, int64_t rows, int64_t d, float *buffer) {
  if constexpr (sizeof(T) == sizeof(float)) {
    return {from.at(first), from.row};
  } else {
    pack_rows(from, first, rows, d, 1.0f, buffer);
    return {buffer, whole_vectors(d)};
  }
}

// Rows of d elements, times factor; those of `from` are `from_row` apart.
template <typename T>
static void write_rows(const float *from, int64_t from_row, int64_t rows, int64_t d, float factor,
                       HeadRows<T> to, int64_t first) {
  for (int64_t r = 0; r < rows; r++)
    for_vectors(d, [=]<int B, bool Tail>(int64_t j, int lanes) {
      for (int b = 0; b < B; b++)
        put<Tail>(to.at(first + r) + j + b * kLanes, factor * load(from + r * from_row + j + b * kLanes),
                  lanes);
    });
}

// `value` in the lanes from `first` on, `before` in those before.
HS_INLINE Floats from_lane(int64_t first, Floats value, Floats before) {
  static const float kNumbers[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  return load(kNumbers) >= splat(static_cast<float>(first)) ? value : before;
}

static inline void clear(float *to, int64_t count) {
  __builtin_memset(to, 0, sizeof(float) * static_cast<size_t>(count));
}

template <typename T>
static inline Ahead ahead_rows(HeadRows<T> from, int64_t first, int64_t rows, int64_t d) {
  return {from.at(first), rows, from.row, d};
}

// Heads that are wider go through a product that sums over their channels in parts of this many, so that what
// every tile of it reads stays in the first cache.
static constexpr int64_t kPart = 128;

// One part of such a product; what the earlier ones came to lies in `sums`.
template <typename Tile> struct Part {
  Tile whole;
  float *sums;
  int64_t row;
  bool first, last;

  HS_INLINE_MEMBER Floats begin(int64_t i, int64_t j) const {
    return first ? whole.begin(i, j) : load(sums + i * row + j);
  }

  template <int M, int N> HS_INLINE_MEMBER void end(int64_t i, int64_t j, const Floats (&sum)[M][N]) const {
    if (last)
      whole.template end<M, N>(i, j, sum);
    else
      Added{sums, row}.template end<M, N>(i, j, sum);
  }
};

// multiply(m, n, d, ...) of rows with a matrix of Width columns at most.
template <int Width, typename Left, typename Tile>
static void multiply_channels(int64_t m, int64_t n, int64_t d, Left a, const float *b, int64_t b_row,
                              Tile tile, float *sums, int64_t row, Ahead ahead, Ahead second = {}) {
  if constexpr (Width <= 2 * kPart) {
    multiply(m, n, d, a, b, b_row, tile, ahead, second);
  } else {
    for (int64_t at = 0; at < d; at += kPart) {
      const bool first = at == 0, last = at + kPart >= d;
      multiply(m, n, smaller(kPart, d - at), Rows{a.data + at, a.stride}, b + at * b_row, b_row,
               Part<Tile>{tile, sums, row, first, last}, first ? ahead : Ahead{}, first ? second : Ahead{});
    }
  }
}

// Four rows of a vector each: afterwards 128-bit part p of row i holds elements 4 p + i of all four.
HS_INLINE void transpose_parts(Floats (&row)[4]) {
#if defined(__AVX512F__)
  const auto low = [](Floats a, Floats b) { return _mm512_maskz_unpacklo_ps(0xffff, a, b); };
  const auto high = [](Floats a, Floats b) { return _mm512_maskz_unpackhi_ps(0xffff, a, b); };
  const auto low_pair = [](Floats a, Floats b) {
    return (Floats)_mm512_maskz_unpacklo_pd(0xff, (__m512d)a, (__m512d)b);
  };
  const auto high_pair = [](Floats a, Floats b) {
    return (Floats)_mm512_maskz_unpackhi_pd(0xff, (__m512d)a, (__m512d)b);
  };
#elif defined(__AVX2__)
  const auto low = [](Floats a, Floats b) { return _mm256_unpacklo_ps(a, b); };
  const auto high = [](Floats a, Floats b) { return _mm256_unpackhi_ps(a, b); };
  const auto low_pair = [](Floats a, Floats b) {
    return (Floats)_mm256_unpacklo_pd((__m256d)a, (__m256d)b);
  };
  const auto high_pair = [](Floats a, Floats b) {
    return (Floats)_mm256_unpackhi_pd((__m256d)a, (__m256d)b);
  };
#else
  const auto low = [](Floats a, Floats b) { return _mm_unpacklo_ps(a, b); };
  const auto high = [](Floats a, Floats b) { return _mm_unpackhi_ps(a, b); };
  const auto low_pair = [](Floats a, Floats b) { return _mm_movelh_ps(a, b); };
  const auto high_pair = [](Floats a, Floats b) { return _mm_movehl_ps(b, a); };
#endif
  const Floats a = low(row[0], row[1]), b = high(row[0], row[1]);
  const Floats c = low(row[2], row[3]), d = high(row[2], row[3]);
  row[0] = low_pair(a, c);
  row[1] = high_pair(a, c);
  row[2] = low_pair(b, d);
  row[3] = high_pair(b, d);
}

// to [width, columns] = from [rows, width] transposed; width a multiple of the vector width, columns one of
// 4. The columns past rows are zero. `from_row` and `to_row` lead from one row to the next.
static inline void transpose(const float *from, int64_t from_row, int64_t rows, int64_t width, float *to,
                             int64_t to_row, int64_t columns) {
  for (int64_t r = 0; r < columns; r += 4)
    for (int64_t j = 0; j < width; j += kLanes) {
      Floats row[4];
      for (int64_t i = 0; i < 4; i++)
        row[i] = r + i < rows ? load(from + (r + i) * from_row + j) : Floats{};
      transpose_parts(row);
      for (int64_t i = 0; i < 4; i++)
        for (int64_t part = 0; part < kLanes / 4; part++)
          __builtin_memcpy(to + (j + 4 * part + i) * to_row + r,
                           reinterpret_cast<const char *>(&row[i]) + 16 * part, 16);
    }
}

#endif
