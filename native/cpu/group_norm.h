// What the passes of group normalisation share: how a sample is cut, where its sums and coefficients lie, and
// the order of the work.
//
// A sample is cut into chunks of rows whose size depends on the shape alone; every chunk leaves per-channel
// sums in the workspace and they are merged in order. Threads take whole samples when there are enough, so
// that a sample is still in the second-level cache when it is read again; otherwise they share the chunks.
// Both give the same bits.
#ifndef HALFSTEP_CPU_GROUP_NORM_H
#define HALFSTEP_CPU_GROUP_NORM_H

#include "parallel.h"
#include "variant.h"
#include "vector.h"

static constexpr int64_t kChunkElements = 4096;
static constexpr int64_t kMinChunkRows = 16;

// The types below have internal linkage: those of two instruction sets must not be merged.
namespace {

// One of the two sources, as seen by one chunk.
template <typename T> struct Part {
  const T *x;
  const T *dy;   // rows are `c` apart, all other rows `channels`
  T *out;        // dx
  int64_t ahead; // elements from a row to the same row of the sample that the thread takes up next, or 0
  int64_t first, channels, c;
  bool accumulate;
};

struct Shape {
  int64_t n, hw, c0, c1, c, groups, rows, chunks;

  explicit Shape(const hs_group_norm &args)
      : n(args.n), hw(args.hw), c0(args.c0), c1(args.c1), c(c0 + c1), groups(args.groups),
        rows(larger(kMinChunkRows, kChunkElements / larger(1, c))), chunks(ceil_div(hw, rows)) {}

  int64_t chunk_rows(int64_t chunk) const { return smaller(rows, hw - chunk * rows); }
  bool by_samples() const {
    const int64_t threads = omp_get_max_threads();
    return n >= 2 * threads || n % threads == 0;
  }

  // Workspace, in floats: first a table of channel coefficients per sample, then two sums per channel and
  // chunk.
  static constexpr int64_t kForwardRows = 3, kBackwardRows = 7;
  int64_t floats(bool backward) const {
    return n * c * ((backward ? kBackwardRows : kForwardRows) + 2 * chunks);
  }
  float *coefficients(const hs_group_norm &args, int64_t i, bool backward) const {
    return args.workspace + i * c * (backward ? kBackwardRows : kForwardRows);
  }
  float *sums(const hs_group_norm &args, int64_t i, int64_t chunk, bool backward) const {
    return args.workspace + n * c * (backward ? kBackwardRows : kForwardRows) + (i * chunks + chunk) * 2 * c;
  }
};

} // namespace

template <typename T>
static inline Part<T> part_of(const hs_group_norm &args, const Shape &s, int source, int64_t i,
                              int64_t chunk) {
  const int64_t row = i * s.hw + chunk * s.rows;
  const int64_t channels = source == 0 ? s.c0 : s.c1;
  const int64_t first = source == 0 ? 0 : s.c0;
  const T *x = static_cast<const T *>(source == 0 ? args.x0 : args.x1);
  const int64_t ahead = s.by_samples() && i + 1 < s.n ? s.hw * channels : 0;
  return {x + row * channels, nullptr, nullptr, ahead, first, channels, s.c, false};
}

// Calls body(part) for the sources that have channels.
template <typename T, typename Body>
static inline void for_parts(const hs_group_norm &args, const Shape &s, int64_t i, int64_t chunk,
                             Body &&body) {
  body(part_of<T>(args, s, 0, i, chunk));
  if (s.c1 > 0)
    body(part_of<T>(args, s, 1, i, chunk));
}

// Runs per_chunk over every sample and chunk, then finish(i) per sample, then again(i, chunk) over every
// sample and chunk.
template <typename First, typename Finish, typename Again>
static inline void two_passes(const Shape &s, First &&first, Finish &&finish, Again &&again) {
  const int64_t elements = s.n * s.hw * s.c;
  if (s.by_samples()) {
    parallel_items(s.n, elements, [&](int64_t i) {
      for (int64_t k = 0; k < s.chunks; k++)
        first(i, k);
      finish(i);
      for (int64_t k = 0; k < s.chunks; k++)
        again(i, k);
    });
    return;
  }
  parallel_items(s.n * s.chunks, elements, [&](int64_t item) { first(item / s.chunks, item % s.chunks); });
  for (int64_t i = 0; i < s.n; i++)
    finish(i);
  parallel_items(s.n * s.chunks, elements, [&](int64_t item) { again(item / s.chunks, item % s.chunks); });
}

// Rows of the table: mean, a, b with normalised and modulated value = (x - mean) a + b.
static inline void set_coefficients(const hs_group_norm &args, const Shape &s, int64_t i, float *table) {
  const int64_t width = s.c / s.groups;
  const float *modulation = args.modulation ? args.modulation + i * args.modulation_stride : nullptr;
  for (int64_t g = 0; g < s.groups; g++) {
    const float *stats = args.stats + (i * s.groups + g) * 2;
    for (int64_t j = g * width; j < (g + 1) * width; j++) {
      const float gain = modulation ? 1.0f + modulation[j] : 1.0f;
      table[j] = stats[0];
      table[s.c + j] = gain * args.weight[j] * stats[1];
      table[2 * s.c + j] = gain * args.bias[j] + (modulation ? modulation[s.c + j] : 0.0f);
    }
  }
}

static inline bool valid(const hs_group_norm *args) {
  if (!args || args->n < 0 || args->hw < 1 || args->c0 < 1 || args->c1 < 0 || !is_dtype(args->dtype))
    return false;
  const int64_t c = args->c0 + args->c1;
  return args->groups >= 1 && c % args->groups == 0 && args->eps >= 0 && args->x0 &&
         (args->x1 || args->c1 == 0) && args->weight && args->bias && args->stats && args->workspace &&
         (!args->modulation || args->modulation_stride >= 2 * c);
}

#endif
