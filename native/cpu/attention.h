// What both passes of attention share: where a head lies, and how its rows come into tiles.
#ifndef HALFSTEP_CPU_ATTENTION_H
#define HALFSTEP_CPU_ATTENTION_H

#include "matmul.h"
#include "parallel.h"
#include "variant.h"
#include "vector_math.h"

#include <math.h>

static constexpr int64_t kMaxWidth = 1024;

// Positions of one head of one sample in qkv-like and y-like arrays.
struct Head {
  int64_t unit, t, d, padded; // padded: d rounded up to whole vectors
  int64_t q, k, v, row;       // elements from the start of qkv; from one token to the next
  int64_t y, y_row;
};

static inline int64_t whole_vectors(int64_t count) { return (count + kLanes - 1) / kLanes * kLanes; }

static inline int64_t whole_quads(int64_t count) { return (count + 3) / 4 * 4; }

static inline Head head_at(const hs_attention &args, int64_t unit) {
  const int64_t i = unit / args.heads, h = unit % args.heads, d = args.d;
  const int64_t row = 3 * args.heads * d;
  const int64_t base = i * args.t * row;
  const bool legacy = args.order == HS_ATTENTION_LEGACY;
  const int64_t first = base + (legacy ? h * 3 * d : h * d);
  const int64_t step = legacy ? d : args.heads * d;
  return {unit,
          args.t,
          d,
          whole_vectors(d),
          first,
          first + step,
          first + 2 * step,
          row,
          i * args.t * args.heads * d + h * d,
          args.heads * d};
}

static inline bool valid(const hs_attention *args) {
  return args && args->n >= 0 && args->t >= 1 && args->heads >= 1 && args->d >= 1 && args->qkv && args->y &&
         (args->order == HS_ATTENTION_LEGACY || args->order == HS_ATTENTION_NEW) && is_dtype(args->dtype);
}

// Scores are formed in units of ln 2, so that powers of two take the place of exponentials.
static constexpr float kLog2E = 1.44269504f, kLn2 = 0.693147181f;

static inline float scale_of(const Head &head) {
  return static_cast<float>(1.0 / sqrt(static_cast<double>(head.d)));
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

// Rows to be read element by element: as they lie in memory where they are float, else converted into
// `buffer`.
template <typename T>
static Rows rows_of(const T *from, int64_t stride, int64_t rows, const Head &head, float *buffer) {
  if constexpr (sizeof(T) == sizeof(float)) {
    return {from, stride};
  } else {
    pack_rows(from, stride, rows, head, 1.0f, buffer);
    return {buffer, head.padded};
  }
}

// Rows of d elements, times factor; those of `from` are `from_row` apart.
template <typename T>
static void write_rows(const float *from, int64_t from_row, int64_t rows, int64_t d, float factor, T *to,
                       int64_t to_row) {
  for (int64_t r = 0; r < rows; r++)
    for_vectors(d, [=]<int B, bool Tail>(int64_t j, int lanes) {
      for (int b = 0; b < B; b++)
        put<Tail>(to + r * to_row + j + b * kLanes, factor * load(from + r * from_row + j + b * kLanes),
                  lanes);
    });
}

static inline void clear(float *to, int64_t count) {
  __builtin_memset(to, 0, sizeof(float) * static_cast<size_t>(count));
}

template <typename T> static inline Ahead ahead_rows(const T *from, int64_t stride, int64_t rows, int64_t d) {
  return {from, rows, stride, d};
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
  const auto low_pair = [](Floats a, Floats b) { return (Floats)_mm256_unpacklo_pd((__m256d)a, (__m256d)b); };
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
