// Sums over pixels, over rows and over everything. Each is cut into pieces by size alone; pieces are added in
// order.
#include "parallel.h"
#include "variant.h"
#include "vector.h"

// Rows added up in float before they join a longer sum, which keeps rounding small.
static constexpr int64_t kRun = 64;
static constexpr int64_t kMaxPieces = 64;

// out[0..c) = the sum of `rows` rows of c elements.
template <typename T> static void sum_run(const T *x, int64_t rows, int64_t c, float *out) {
  for_vectors(c, [=]<int B, bool Tail>(int64_t j, int lanes) {
    Floats total[B] = {};
    for (int64_t first = 0; first < rows; first += kRun) {
      Floats part[B] = {};
      const int64_t last = smaller(rows, first + kRun);
      for (int64_t r = first; r < last; r++)
        for (int b = 0; b < B; b++)
          part[b] += fetch<Tail>(x + r * c + j + b * kLanes, lanes);
      for (int b = 0; b < B; b++)
        total[b] += part[b];
    }
    for (int b = 0; b < B; b++)
      put<Tail>(out + j + b * kLanes, total[b], lanes);
  });
}

HS_KERNEL(hs_sum_pixels)(hs_stream, const struct hs_sum_pixels *args) {
  HS_REQUIRE(args && args->x && args->out && args->n >= 0 && args->hw >= 0 && args->c >= 0 &&
             args->out_stride >= args->c && is_dtype(args->dtype));
  const int64_t hw = args->hw, c = args->c, out_stride = args->out_stride;
  float *out = args->out;
  with_storage(args->dtype, [&](auto storage) {
    using T = decltype(storage);
    const T *in = static_cast<const T *>(args->x);
    parallel_items(args->n, args->n * hw * c,
                   [=](int64_t i) { sum_run(in + i * hw * c, hw, c, out + i * out_stride); });
  });
  return HS_OK;
}

static int64_t rows_per_piece(int64_t rows) {
  return larger(kRun, round_up(ceil_div(rows, kMaxPieces), kRun));
}

HS_SIZES(hs_sum_rows_workspace)(const struct hs_sum_rows *args, int32_t) {
  if (!args || args->rows <= 0 || args->c <= 0)
    return 0;
  const int64_t pieces = ceil_div(args->rows, rows_per_piece(args->rows));
  return pieces * args->c * static_cast<int64_t>(sizeof(float));
}

HS_KERNEL(hs_sum_rows)(hs_stream, const struct hs_sum_rows *args) {
  HS_REQUIRE(args && args->x && args->out && args->rows >= 0 && args->c >= 0 && is_dtype(args->dtype));
  HS_REQUIRE(args->workspace || args->rows == 0 || args->c == 0);
  const int64_t rows = args->rows, c = args->c;
  float *out = args->out, *workspace = args->workspace;
  const int64_t piece = rows_per_piece(rows);
  const int64_t pieces = ceil_div(rows, piece);
  with_storage(args->dtype, [&](auto storage) {
    using T = decltype(storage);
    const T *in = static_cast<const T *>(args->x);
    parallel_items(pieces, rows * c, [=](int64_t k) {
      sum_run(in + k * piece * c, smaller(piece, rows - k * piece), c, workspace + k * c);
    });
  });
  for (int64_t j = 0; j < c; j++) {
    double sum = args->accumulate ? static_cast<double>(out[j]) : 0.0;
    for (int64_t k = 0; k < pieces; k++)
      sum += static_cast<double>(workspace[k * c + j]);
    out[j] = static_cast<float>(sum);
  }
  return HS_OK;
}

typedef double Doubles __attribute__((vector_size(HS_VECTOR_BYTES)));
typedef float HalfFloats __attribute__((vector_size(HS_VECTOR_BYTES / 2)));

// Adds the squares of a vector's lanes, in double.
HS_INLINE void add_squares(Floats value, Doubles (&sums)[2]) {
  HalfFloats halves[2];
  __builtin_memcpy(halves, &value, sizeof halves);
  for (int half = 0; half < 2; half++) {
    const Doubles wide = __builtin_convertvector(halves[half], Doubles);
    sums[half] += wide * wide;
  }
}

// The differences of lanes are formed in double too: floats that are close lose nothing, floats that are not
// would.
HS_INLINE void add_squared_differences(Floats a, Floats b, Doubles (&sums)[2]) {
  HalfFloats left[2], right[2];
  __builtin_memcpy(left, &a, sizeof left);
  __builtin_memcpy(right, &b, sizeof right);
  for (int half = 0; half < 2; half++) {
    const Doubles wide =
        __builtin_convertvector(left[half], Doubles) - __builtin_convertvector(right[half], Doubles);
    sums[half] += wide * wide;
  }
}

static inline double total(const Doubles (&sums)[2]) {
  double sum = 0.0;
  for (int lane = 0; lane < kLanes / 2; lane++)
    sum += sums[0][lane] + sums[1][lane];
  return sum;
}

// The sum of piece(first, count) over `count` elements in at most kMaxPieces pieces, by all threads or by
// this one.
template <typename Piece>
static inline double sum_in_pieces(int64_t count, bool parallel, Piece &&sum_piece) {
  double parts[kMaxPieces];
  const int64_t piece = larger(4096, ceil_div(count, kMaxPieces));
  const int64_t pieces = ceil_div(count, piece);
  parallel_items(pieces, parallel ? count : 0, [=, &parts](int64_t k) {
    parts[k] = sum_piece(k * piece, smaller(piece, count - k * piece));
  });
  double sum = 0.0;
  for (int64_t k = 0; k < pieces; k++)
    sum += parts[k];
  return sum;
}

HS_KERNEL(hs_squared_distance)(hs_stream, const struct hs_squared_distance *args) {
  HS_REQUIRE(args && args->a && args->b && args->out && args->n >= 0 && args->per_sample >= 0 &&
             is_dtype(args->dtype));
  const int64_t n = args->n, per_sample = args->per_sample;
  double *out = args->out;
  with_storage(args->dtype, [&](auto storage) {
    using T = decltype(storage);
    const T *a = static_cast<const T *>(args->a), *b = static_cast<const T *>(args->b);
    const auto distance = [=](int64_t i, bool parallel) {
      const T *left = a + i * per_sample;
      const T *right = b + i * per_sample;
      out[i] = sum_in_pieces(per_sample, parallel, [=](int64_t first, int64_t count) {
        Doubles sums[2] = {};
        for_vectors(count, [&]<int B, bool Tail>(int64_t j, int lanes) {
          for (int v = 0; v < B; v++) {
            const int64_t at = first + j + v * kLanes;
            add_squared_differences(fetch<Tail>(left + at, lanes), fetch<Tail>(right + at, lanes), sums);
          }
        });
        return total(sums);
      });
    };
    if (n >= omp_get_max_threads())
      parallel_items(n, n * per_sample, [=](int64_t i) { distance(i, false); });
    else
      for (int64_t i = 0; i < n; i++)
        distance(i, true);
  });
  return HS_OK;
}

HS_SIZES(hs_square_sum_workspace)(const struct hs_square_sum *, int32_t) { return 0; }

HS_KERNEL(hs_square_sum)(hs_stream, const struct hs_square_sum *args) {
  HS_REQUIRE(args && args->x && args->out && args->count >= 0);
  const float *x = args->x;
  *args->out = sum_in_pieces(args->count, true, [=](int64_t first, int64_t length) {
    Doubles sums[2] = {};
    for_vectors(length, [&]<int B, bool Tail>(int64_t j, int lanes) {
      for (int v = 0; v < B; v++)
        add_squares(fetch<Tail>(x + first + j + v * kLanes, lanes), sums);
    });
    return total(sums);
  });
  return HS_OK;
}
