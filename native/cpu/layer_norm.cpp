// Layer normalisation and its gradients.
//
// A row lies in the first-level cache while it is read again, so a pass over it costs little beside the first
// one: the backward pass forms the statistics anew instead of having them stored.
#include "parallel.h"
#include "variant.h"
#include "vector.h"

#include <math.h>

static constexpr int64_t kBlockElements = 8192;               // of a thread's piece of work, forward
static constexpr int64_t kMaxPieces = 64, kMinPieceRows = 16; // of the sums over rows

// The type below has internal linkage: those of two instruction sets must not be merged.
namespace {

// x̂ = ((x - origin) - shift) rstd: the mean is origin + shift. The origin is a rounded mean, from which rows
// far from zero differ exactly; the shift is what it is off by.
struct RowStatistics {
  float origin, shift, rstd;

  HS_INLINE_MEMBER Floats centred(Floats x) const { return x - origin - shift; }
};

// Sums of a row, in as many registers as for_vectors uses at once.
struct RowSum {
  Floats parts[4] = {};

  float total() const { return horizontal_sum((parts[0] + parts[1]) + (parts[2] + parts[3])); }
};

} // namespace

template <typename T> static RowStatistics statistics_of(const T *x, int64_t c, float eps) {
  RowSum sum, deviations, squares;
  for_vectors(c, [&]<int B, bool Tail>(int64_t j, int lanes) {
    for (int b = 0; b < B; b++)
      sum.parts[b] += fetch<Tail>(x + j + b * kLanes, lanes);
  });
  const float count = static_cast<float>(c), origin = sum.total() / count;
  for_vectors(c, [&]<int B, bool Tail>(int64_t j, int lanes) {
    for (int b = 0; b < B; b++) {
      Floats deviation = fetch<Tail>(x + j + b * kLanes, lanes) - origin;
      if constexpr (Tail)
        deviation = only_first(deviation, lanes);
      deviations.parts[b] += deviation;
      squares.parts[b] += deviation * deviation;
    }
  });
  const float shift = deviations.total() / count;
  const double variance = (static_cast<double>(squares.total()) -
                           static_cast<double>(deviations.total()) * static_cast<double>(shift)) /
                          static_cast<double>(c);
  // max() would drop a NaN
  const double kept = variance < 0.0 ? 0.0 : variance;
  return {origin, shift, static_cast<float>(1.0 / sqrt(kept + static_cast<double>(eps)))};
}

// ---- Forward ----------------------------------------------------------------------------------------------

template <typename T> static void normalise_row(const hs_layer_norm &args, int64_t row) {
  const T *x = static_cast<const T *>(args.x) + row * args.c;
  T *y = static_cast<T *>(args.y) + row * args.c;
  const float *weight = args.weight, *bias = args.bias;
  const RowStatistics row_of = statistics_of(x, args.c, args.eps);
  for_vectors(args.c, [=]<int B, bool Tail>(int64_t j, int lanes) {
    for (int b = 0; b < B; b++) {
      const int64_t at = j + b * kLanes;
      const Floats factor = fetch<Tail>(weight + at, lanes) * row_of.rstd;
      const Floats centred = row_of.centred(fetch<Tail>(x + at, lanes));
      put<Tail>(y + at, centred * factor + fetch<Tail>(bias + at, lanes), lanes);
    }
  });
}

// ---- Backward ---------------------------------------------------------------------------------------------

// With g = weight dy: dx = rstd (g - mean(g) - x̂ mean(g x̂)). Adds the row to the sums of dy x̂ and of dy.
template <typename T>
static void row_gradient(const hs_layer_norm &args, int64_t row, float *dweight, float *dbias) {
  const T *x = static_cast<const T *>(args.x) + row * args.c;
  const T *dy = static_cast<const T *>(args.dy) + row * args.c;
  T *dx = args.dx ? static_cast<T *>(args.dx) + row * args.c : nullptr;
  const float *weight = args.weight;
  const RowStatistics row_of = statistics_of(x, args.c, args.eps);
  RowSum plain, correlated;
  for_vectors(args.c, [&]<int B, bool Tail>(int64_t j, int lanes) {
    for (int b = 0; b < B; b++) {
      const int64_t at = j + b * kLanes;
      const Floats upstream =
          fetch<Tail>(dy + at, lanes); // zero behind the last element, as are the products
      const Floats normalised = row_of.centred(fetch<Tail>(x + at, lanes)) * row_of.rstd;
      const Floats g = upstream * fetch<Tail>(weight + at, lanes);
      plain.parts[b] += g;
      correlated.parts[b] += g * normalised;
      put<Tail>(dweight + at, fetch<Tail>(dweight + at, lanes) + upstream * normalised, lanes);
      put<Tail>(dbias + at, fetch<Tail>(dbias + at, lanes) + upstream, lanes);
    }
  });
  if (!dx)
    return;
  const float count = static_cast<float>(args.c);
  const float mean = plain.total() / count, slope = correlated.total() / count;
  const bool accumulate = args.accumulate != 0;
  for_vectors(args.c, [=]<int B, bool Tail>(int64_t j, int lanes) {
    for (int b = 0; b < B; b++) {
      const int64_t at = j + b * kLanes;
      const Floats normalised = row_of.centred(fetch<Tail>(x + at, lanes)) * row_of.rstd;
      const Floats g = fetch<Tail>(dy + at, lanes) * fetch<Tail>(weight + at, lanes);
      Floats gradient = (g - mean - normalised * slope) * row_of.rstd;
      if (accumulate)
        gradient += fetch<Tail>(dx + at, lanes);
      put<Tail>(dx + at, gradient, lanes);
    }
  });
}

static int64_t rows_per_piece(int64_t rows) { return larger(kMinPieceRows, ceil_div(rows, kMaxPieces)); }

// [pieces, 2, c]: sums of dy x̂ and of dy
static void add_pieces(const float *pieces, int64_t count, int64_t c, float *dweight, float *dbias) {
  parallel_blocks(c, 64, [=](int64_t begin, int64_t end) {
    for (int64_t j = begin; j < end; j++) {
      double weight = 0.0, bias = 0.0;
      for (int64_t k = 0; k < count; k++) {
        weight += static_cast<double>(pieces[2 * k * c + j]);
        bias += static_cast<double>(pieces[(2 * k + 1) * c + j]);
      }
      dweight[j] = static_cast<float>(weight);
      dbias[j] = static_cast<float>(bias);
    }
  });
}

// ---- Entry points -----------------------------------------------------------------------------------------

static bool valid(const struct hs_layer_norm *args) {
  return args && args->rows >= 0 && args->c >= 1 && args->eps >= 0 && is_dtype(args->dtype) && args->x &&
         args->weight;
}

HS_SIZES(hs_layer_norm_workspace)(const struct hs_layer_norm *args, int32_t gradient) {
  if (!args || args->rows <= 0 || args->c <= 0 || !gradient)
    return 0;
  const int64_t pieces = ceil_div(args->rows, rows_per_piece(args->rows));
  return pieces * 2 * args->c * static_cast<int64_t>(sizeof(float));
}

HS_KERNEL(hs_layer_norm_forward)(hs_stream, const struct hs_layer_norm *args) {
  HS_REQUIRE(valid(args) && args->bias && args->y);
  const int64_t block = larger(1, kBlockElements / args->c), blocks = ceil_div(args->rows, block);
  with_storage(args->dtype, [&](auto storage) {
    parallel_items(blocks, args->rows * args->c, [&](int64_t item) {
      for (int64_t row = item * block; row < smaller(args->rows, (item + 1) * block); row++)
        normalise_row<decltype(storage)>(*args, row);
    });
  });
  return HS_OK;
}

HS_KERNEL(hs_layer_norm_backward)(hs_stream, const struct hs_layer_norm *args) {
  HS_REQUIRE(valid(args) && args->dy && args->dweight && args->dbias && (args->workspace || args->rows == 0));
  const int64_t c = args->c, piece = rows_per_piece(args->rows), pieces = ceil_div(args->rows, piece);
  with_storage(args->dtype, [&](auto storage) {
    parallel_items(pieces, args->rows * c, [&](int64_t k) {
      float *dweight = args->workspace + 2 * k * c, *dbias = dweight + c;
      __builtin_memset(dweight, 0, sizeof(float) * 2 * c);
      for (int64_t row = k * piece; row < smaller(args->rows, (k + 1) * piece); row++)
        row_gradient<decltype(storage)>(*args, row, dweight, dbias);
    });
  });
  add_pieces(args->workspace, pieces, c, args->dweight, args->dbias);
  return HS_OK;
}
