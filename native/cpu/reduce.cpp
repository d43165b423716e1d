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

HS_KERNEL(hs_sum_pixels)
(hs_stream, const void *x, float *out, int64_t out_stride, int64_t n, int64_t hw, int64_t c, int32_t dtype) {
  HS_REQUIRE(x && out && n >= 0 && hw >= 0 && c >= 0 && out_stride >= c && is_dtype(dtype));
  with_storage(dtype, [&](auto storage) {
    using T = decltype(storage);
    const T *in = static_cast<const T *>(x);
    parallel_items(n, n * hw * c, [=](int64_t i) { sum_run(in + i * hw * c, hw, c, out + i * out_stride); });
  });
  return HS_OK;
}

static int64_t rows_per_piece(int64_t rows) {
  return larger(kRun, round_up(ceil_div(rows, kMaxPieces), kRun));
}

extern "C" int64_t HS_NAME(hs_sum_rows_workspace)(int64_t rows, int64_t c) {
  if (rows <= 0 || c <= 0)
    return 0;
  const int64_t pieces = ceil_div(rows, rows_per_piece(rows));
  return pieces * c * static_cast<int64_t>(sizeof(float));
}

HS_KERNEL(hs_sum_rows)
(hs_stream, const void *x, float *out, int32_t accumulate, float *workspace, int64_t rows, int64_t c,
 int32_t dtype) {
  HS_REQUIRE(x && out && rows >= 0 && c >= 0 && is_dtype(dtype));
  HS_REQUIRE(workspace || rows == 0 || c == 0);
  const int64_t piece = rows_per_piece(rows);
  const int64_t pieces = ceil_div(rows, piece);
  with_storage(dtype, [&](auto storage) {
    using T = decltype(storage);
    const T *in = static_cast<const T *>(x);
    parallel_items(pieces, rows * c, [=](int64_t k) {
      sum_run(in + k * piece * c, smaller(piece, rows - k * piece), c, workspace + k * c);
    });
  });
  for (int64_t j = 0; j < c; j++) {
    double sum = accumulate ? static_cast<double>(out[j]) : 0.0;
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

HS_KERNEL(hs_squared_distance)
(hs_stream, const void *a, const void *b, double *out, int64_t n, int64_t per_sample, int32_t dtype) {
  HS_REQUIRE(a && b && out && n >= 0 && per_sample >= 0 && is_dtype(dtype));
  with_storage(dtype, [&](auto storage) {
    using T = decltype(storage);
    const auto distance = [=](int64_t i, bool parallel) {
      const T *left = static_cast<const T *>(a) + i * per_sample;
      const T *right = static_cast<const T *>(b) + i * per_sample;
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

extern "C" int64_t HS_NAME(hs_square_sum_workspace)(int64_t) { return 0; }

HS_KERNEL(hs_square_sum)(hs_stream, const float *x, double *out, double *, int64_t count) {
  HS_REQUIRE(x && out && count >= 0);
  *out = sum_in_pieces(count, true, [=](int64_t first, int64_t length) {
    Doubles sums[2] = {};
    for_vectors(length, [&]<int B, bool Tail>(int64_t j, int lanes) {
      for (int v = 0; v < B; v++)
        add_squares(fetch<Tail>(x + first + j + v * kLanes, lanes), sums);
    });
    return total(sums);
  });
  return HS_OK;
}
