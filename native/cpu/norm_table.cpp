// Group normalisation in parts: the moments of channels, the table of factors that follows from them, and its
// application.
#include "normalise.h"
#include "parallel.h"
#include "variant.h"

static constexpr int64_t kRun = 32; // rows whose mean is formed before their squared deviations

// ---- Moments ----------------------------------------------------------------------------------------------

// A vector of channels of one sample. Runs are merged by the formula of Chan, Golub and LeVeque (1983), so a
// mean far from zero costs no precision.
template <bool Tail, typename T>
static void vector_moments(const T *x, int64_t hw, int64_t c, int lanes, float *moments) {
  Floats mean = {}, squares = {};
  for (int64_t begin = 0; begin < hw; begin += kRun) {
    const int64_t end = smaller(hw, begin + kRun);
    const float count = static_cast<float>(end - begin), share = count / static_cast<float>(end);
    Floats sum = {}, run = {};
    for (int64_t r = begin; r < end; r++)
      sum += fetch<Tail>(x + r * c, lanes);
    sum /= count;
    for (int64_t r = begin; r < end; r++) {
      const Floats deviation = fetch<Tail>(x + r * c, lanes) - sum;
      run += deviation * deviation;
    }
    const Floats step = sum - mean;
    mean += step * share;
    squares += run + step * step * (share * static_cast<float>(begin));
  }
  put<Tail>(moments, mean, lanes);
  put<Tail>(moments + c, squares, lanes);
}

HS_KERNEL(hs_channel_moments)(hs_stream, const struct hs_channel_moments *args) {
  HS_REQUIRE(args && args->x && args->moments && args->n >= 0 && args->hw >= 1 && args->c >= 1 &&
             is_dtype(args->dtype));
  const int64_t n = args->n, hw = args->hw, c = args->c;
  float *moments = args->moments;
  const int64_t vectors = ceil_div(c, kLanes);
  with_storage(args->dtype, [&](auto storage) {
    using T = decltype(storage);
    const T *x = static_cast<const T *>(args->x);
    parallel_items(n * vectors, n * hw * c, [=](int64_t item) {
      const int64_t i = item / vectors, j = item % vectors * kLanes;
      const T *from = x + i * hw * c + j;
      float *to = moments + i * 2 * c + j;
      if (j + kLanes <= c)
        vector_moments<false>(from, hw, c, kLanes, to);
      else
        vector_moments<true>(from, hw, c, static_cast<int>(c - j), to);
    });
  });
  return HS_OK;
}

// ---- Table ------------------------------------------------------------------------------------------------

namespace {

struct Moments {
  const float *first, *second; // of one sample
  int64_t c0, c1;

  float mean(int64_t j) const { return j < c0 ? first[j] : second[j - c0]; }
  float squares(int64_t j) const { return j < c0 ? first[c0 + j] : second[c1 + j - c0]; }
};

} // namespace

static void fill_table(const hs_group_norm &args, const Moments &moments, int64_t i, float *table) {
  const int64_t c = args.c0 + args.c1, width = c / args.groups;
  const float *modulation = args.modulation ? args.modulation + i * args.modulation_stride : nullptr;
  for (int64_t g = 0; g < args.groups; g++) {
    float *stats = args.stats + (i * args.groups + g) * 2;
    group_statistics(
        g * width, (g + 1) * width, args.hw, args.eps, [&](int64_t j) { return moments.mean(j); },
        [&](int64_t j) { return moments.squares(j); }, stats);
    for (int64_t j = g * width; j < (g + 1) * width; j++) {
      const float gain = modulation ? 1.0f + modulation[j] : 1.0f;
      table[j] = stats[0];
      table[c + j] = gain * args.weight[j] * stats[1];
      table[2 * c + j] = gain * args.bias[j] + (modulation ? modulation[c + j] : 0.0f);
    }
  }
}

static bool valid(const hs_group_norm *args) {
  return args && args->n >= 0 && args->hw >= 1 && args->c0 >= 1 && args->c1 >= 0 && args->groups >= 1 &&
         (args->c0 + args->c1) % args->groups == 0 && is_dtype(args->dtype);
}

HS_KERNEL(hs_group_norm_table)(hs_stream, const struct hs_group_norm *args) {
  HS_REQUIRE(valid(args) && args->eps >= 0 && args->weight && args->bias && args->stats && args->table &&
             args->moments0 && (args->moments1 || args->c1 == 0));
  const int64_t c = args->c0 + args->c1;
  HS_REQUIRE(!args->modulation || args->modulation_stride >= 2 * c);
  parallel_items(args->n, args->n * c, [&](int64_t i) {
    const float *second = args->c1 > 0 ? args->moments1 + i * 2 * args->c1 : nullptr;
    fill_table(*args, {args->moments0 + i * 2 * args->c0, second, args->c0, args->c1}, i,
               args->table + i * 3 * c);
  });
  return HS_OK;
}

// ---- Application ------------------------------------------------------------------------------------------

// Rows of one source: x, whose channels start at `first` among the c of y.
template <bool Silu, typename T>
static void normalise(const T *x, int64_t channels, int64_t first, const float *table, int64_t c, T *y,
                      int64_t rows) {
  for_vectors(channels, [&]<int B, bool Tail>(int64_t j, int lanes) {
    Floats mean[B], factor[B], offset[B];
    for (int b = 0; b < B; b++) {
      const float *at = table + first + j + b * kLanes;
      mean[b] = fetch<Tail>(at, lanes);
      factor[b] = fetch<Tail>(at + c, lanes);
      offset[b] = fetch<Tail>(at + 2 * c, lanes);
    }
    for (int64_t r = 0; r < rows; r++)
      for (int b = 0; b < B; b++) {
        const Floats value = fetch<Tail>(x + r * channels + j + b * kLanes, lanes);
        put<Tail>(y + r * c + first + j + b * kLanes, normalised<Silu>(value, mean[b], factor[b], offset[b]),
                  lanes);
      }
  });
}

template <bool Silu, typename T> static void apply(const hs_group_norm &args, const float *table) {
  const int64_t c = args.c0 + args.c1, rows = larger(16, 4096 / c), chunks = ceil_div(args.hw, rows);
  parallel_items(args.n * chunks, args.n * args.hw * c, [&](int64_t item) {
    const int64_t i = item / chunks, begin = item % chunks * rows, at = i * args.hw + begin;
    const int64_t count = smaller(rows, args.hw - begin);
    T *y = static_cast<T *>(args.y) + at * c;
    normalise<Silu>(static_cast<const T *>(args.x0) + at * args.c0, args.c0, 0, table + i * 3 * c, c, y,
                    count);
    if (args.c1 > 0)
      normalise<Silu>(static_cast<const T *>(args.x1) + at * args.c1, args.c1, args.c0, table + i * 3 * c, c,
                      y, count);
  });
}

HS_KERNEL(hs_group_norm_apply)(hs_stream, const struct hs_group_norm *args) {
  HS_REQUIRE(valid(args) && args->x0 && (args->x1 || args->c1 == 0) && args->y && args->table);
  with_storage(args->dtype, [&](auto storage) {
    if (args->silu)
      apply<true, decltype(storage)>(*args, args->table);
    else
      apply<false, decltype(storage)>(*args, args->table);
  });
  return HS_OK;
}
