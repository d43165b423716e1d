// What training of a first stage computes beside its network: latents drawn from a Gaussian, and how far
// pictures are from each other.
#include "parallel.h"
#include "variant.h"
#include "vector.h"

#include <math.h>

// ---- Latents ----------------------------------------------------------------------------------------------

static constexpr float kLeastLogVariance = -30.0f, kMostLogVariance = 20.0f;

// In the order that keeps a NaN.
static inline float clamped(float log_variance) {
  return log_variance < kLeastLogVariance  ? kLeastLogVariance
         : log_variance > kMostLogVariance ? kMostLogVariance
                                           : log_variance;
}

static inline bool unclamped(float log_variance) {
  return !(log_variance < kLeastLogVariance || log_variance > kMostLogVariance);
}

HS_KERNEL(hs_posterior_forward)(hs_stream, const struct hs_posterior *args) {
  HS_REQUIRE(args && args->moments && args->noise && args->z && args->divergence && args->n >= 0 &&
             args->hw >= 0 && args->c >= 0);
  const int64_t hw = args->hw, c = args->c;
  const float *moments = args->moments, *noise = args->noise;
  float *z = args->z, *divergence = args->divergence;
  parallel_items(args->n, 16 * args->n * hw * c, [=](int64_t i) {
    double sum = 0.0;
    for (int64_t pixel = i * hw; pixel < (i + 1) * hw; pixel++)
      for (int64_t k = 0; k < c; k++) {
        const int64_t at = 2 * pixel * c + k;
        const float mean = moments[at], log_variance = clamped(moments[at + c]);
        const float deviation = expf(0.5f * log_variance);
        z[pixel * c + k] = mean + deviation * noise[pixel * c + k];
        const double m = static_cast<double>(mean), s = static_cast<double>(deviation);
        sum += 0.5 * (m * m + s * s - 1.0 - static_cast<double>(log_variance));
      }
    divergence[i] = static_cast<float>(sum);
  });
  return HS_OK;
}

HS_KERNEL(hs_posterior_backward)(hs_stream, const struct hs_posterior *args) {
  HS_REQUIRE(args && args->moments && args->noise && args->dz && args->dmoments && args->n >= 0 &&
             args->hw >= 0 && args->c >= 0);
  const int64_t c = args->c;
  const float weight = args->weight;
  const bool accumulate = args->accumulate != 0;
  const float *moments = args->moments, *noise = args->noise, *dz = args->dz;
  float *dmoments = args->dmoments;
  const int64_t pixels = args->n * args->hw;
  parallel_items(pixels, 16 * pixels * c, [=](int64_t pixel) {
    for (int64_t k = 0; k < c; k++) {
      const int64_t at = 2 * pixel * c + k;
      const float log_variance = moments[at + c], upstream = dz[pixel * c + k];
      const float deviation = expf(0.5f * clamped(log_variance));
      const float mean = upstream + weight * moments[at];
      const float half = 0.5f * (upstream * deviation * noise[pixel * c + k] +
                                 weight * (deviation * deviation - 1.0f));
      const float logarithm = unclamped(log_variance) ? half : 0.0f;
      dmoments[at] = accumulate ? dmoments[at] + mean : mean;
      dmoments[at + c] = accumulate ? dmoments[at + c] + logarithm : logarithm;
    }
  });
  return HS_OK;
}

// ---- Pictures ---------------------------------------------------------------------------------------------

static constexpr int64_t kMaxPieces = 64;
static constexpr int32_t kMaxScales = 16;

typedef double Doubles __attribute__((vector_size(HS_VECTOR_BYTES)));
typedef float HalfFloats __attribute__((vector_size(HS_VECTOR_BYTES / 2)));

// Adds a vector's lanes, in double.
HS_INLINE void add_lanes(Floats value, Doubles &sums) {
  HalfFloats halves[2];
  __builtin_memcpy(halves, &value, sizeof halves);
  sums += __builtin_convertvector(halves[0], Doubles) + __builtin_convertvector(halves[1], Doubles);
}

// Of `count` errors x - y and those `apart` elements from them: dx gets weight * the sign of each difference,
// added to what is there; returns the sum of their sizes. apart = 0: the errors themselves, and dx is new.
static double differences(const float *x, const float *y, int64_t apart, int64_t count, float weight,
                          float *dx) {
  Doubles sizes = {};
  for_vectors(count, [&]<int B, bool Tail>(int64_t j, int lanes) {
    for (int b = 0; b < B; b++) {
      const int64_t at = j + b * kLanes;
      Floats error = fetch<Tail>(x + at, lanes) - fetch<Tail>(y + at, lanes);
      if (apart != 0)
        error -= fetch<Tail>(x + at + apart, lanes) - fetch<Tail>(y + at + apart, lanes);
      // A NaN passes through its own sign.
      const Floats sign = error > 0.0f ? splat(weight) : error < 0.0f ? splat(-weight) : weight * error;
      put<Tail>(dx + at, apart != 0 ? fetch<Tail>(dx + at, lanes) + sign : sign, lanes);
      add_lanes(larger_of(error, -error), sizes);
    }
  });
  double sum = 0.0;
  for (int lane = 0; lane < kLanes / 2; lane++)
    sum += sizes[lane];
  return sum;
}

struct Picture {
  const float *x, *y;
  float *dx;
  int64_t h, w, c;
  int32_t scales;
  float edges, weight; // weight: of the sign of one error
};

// Row r's part of the sum, and the whole gradient of its numbers.
static double row_loss(const Picture &of, int64_t r) {
  const int64_t row = of.w * of.c;
  const float *x = of.x + r * row, *y = of.y + r * row;
  float *dx = of.dx + r * row;
  const float weight = of.weight * of.edges;
  const double sum = differences(x, y, 0, row, of.weight, dx);
  double edges = 0.0; // each pair once
  for (int32_t scale = 0; scale < of.scales; scale++) {
    const int64_t d = int64_t{1} << scale, across = d * of.c;
    if (r + d < of.h)
      edges += differences(x, y, d * row, row, weight, dx);
    if (r >= d)
      (void)differences(x, y, -d * row, row, weight, dx);
    if (d < of.w) {
      edges += differences(x, y, across, row - across, weight, dx);
      (void)differences(x + across, y + across, -across, row - across, weight, dx + across);
    }
  }
  return sum + static_cast<double>(of.edges) * edges;
}

HS_KERNEL(hs_picture_loss)(hs_stream, const struct hs_picture_loss *args) {
  HS_REQUIRE(args && args->x && args->y && args->dx && args->losses && args->n >= 0 && args->h >= 1 &&
             args->w >= 1 && args->c >= 1 && args->scales >= 0 && args->scales <= kMaxScales);
  const int64_t n = args->n, h = args->h, size = h * args->w * args->c;
  const int64_t piece = ceil_div(h, kMaxPieces), pieces = ceil_div(h, piece);
  const struct hs_picture_loss a = *args;
  const auto loss = [=](int64_t i, bool parallel) {
    const Picture picture = {a.x + i * size, a.y + i * size, a.dx + i * size, a.h, a.w, a.c,
                             a.scales,       a.edges,        a.factor / static_cast<float>(size)};
    double parts[kMaxPieces];
    parallel_items(pieces, parallel ? 16 * size : 0, [=, &picture, &parts](int64_t k) {
      parts[k] = 0.0;
      for (int64_t r = k * piece; r < smaller(h, (k + 1) * piece); r++)
        parts[k] += row_loss(picture, r);
    });
    double sum = 0.0;
    for (int64_t k = 0; k < pieces; k++)
      sum += parts[k];
    a.losses[i] = sum / static_cast<double>(size);
  };
  if (n >= omp_get_max_threads())
    parallel_items(n, 16 * n * size, [=](int64_t i) { loss(i, false); });
  else
    for (int64_t i = 0; i < n; i++)
      loss(i, true);
  return HS_OK;
}
