// Group normalisation over the channel concatenation of two sources, with modulation and SiLU fused in: the
// forward pass, to the storage type of the input or to bytes.
#include "group_norm.h"
#include "normalise.h"
#include "quantize.h"

static constexpr int64_t kRun = 32; // rows whose mean is formed before their squared deviations

// Mean and sum of squared deviations of every channel of a chunk. Runs are merged by the formula of Chan,
// Golub and LeVeque (1983), so a mean far from zero costs no precision.
template <typename T> static void chunk_moments(Part<T> part, int64_t rows, float *means, float *deviations) {
  for_vectors(part.channels, [&]<int B, bool Tail>(int64_t j, int lanes) {
    Floats mean[B] = {}, squares[B] = {};
    for (int64_t begin = 0; begin < rows; begin += kRun) {
      const int64_t end = smaller(rows, begin + kRun);
      const float count = static_cast<float>(end - begin);
      Floats sum[B] = {}, run[B] = {};
      for (int64_t r = begin; r < end; r++)
        for (int b = 0; b < B; b++)
          sum[b] += fetch<Tail>(part.x + r * part.channels + j + b * kLanes, lanes);
      for (int b = 0; b < B; b++)
        sum[b] /= count;
      for (int64_t r = begin; r < end; r++)
        for (int b = 0; b < B; b++) {
          Floats deviation = fetch<Tail>(part.x + r * part.channels + j + b * kLanes, lanes) - sum[b];
          run[b] += deviation * deviation;
        }
      const float share = count / static_cast<float>(end);
      const float between = share * static_cast<float>(begin);
      for (int b = 0; b < B; b++) {
        Floats step = sum[b] - mean[b];
        mean[b] += step * share;
        squares[b] += run[b] + step * step * between;
      }
    }
    for (int b = 0; b < B; b++) {
      put<Tail>(means + part.first + j + b * kLanes, mean[b], lanes);
      put<Tail>(deviations + part.first + j + b * kLanes, squares[b], lanes);
    }
  });
}

// Merges the chunks of sample i into the moments of every channel, in place of the first chunk's.
static void merge_chunks(const hs_group_norm &args, const Shape &s, int64_t i) {
  float *merged = s.sums(args, i, 0, false);
  for_vectors(s.c, [&]<int B, bool Tail>(int64_t first, int lanes) {
    for (int b = 0; b < B; b++) {
      const int64_t j = first + b * kLanes;
      const Floats base = fetch<Tail>(merged + j, lanes); // differences to it cost no precision
      Floats mean = {}, squares = {};
      for (int64_t k = 1; k < s.chunks; k++) {
        const float share = static_cast<float>(s.chunk_rows(k)) / static_cast<float>(s.hw);
        mean += (fetch<Tail>(s.sums(args, i, k, false) + j, lanes) - base) * share;
      }
      for (int64_t k = 0; k < s.chunks; k++) {
        const float *moments = s.sums(args, i, k, false) + j;
        const Floats step = fetch<Tail>(moments, lanes) - base - mean;
        squares += fetch<Tail>(moments + s.c, lanes) + step * step * static_cast<float>(s.chunk_rows(k));
      }
      put<Tail>(merged + j, base + mean, lanes);
      put<Tail>(merged + s.c + j, squares, lanes);
    }
  });
}

// Mean and 1/sqrt(variance + eps) of every group of sample i.
static void set_statistics(const hs_group_norm &args, const Shape &s, int64_t i) {
  merge_chunks(args, s, i);
  const int64_t width = s.c / s.groups;
  const float *means = s.sums(args, i, 0, false), *squares = means + s.c;
  for (int64_t g = 0; g < s.groups; g++)
    group_statistics(
        g * width, (g + 1) * width, s.hw, args.eps, [=](int64_t j) { return means[j]; },
        [=](int64_t j) { return squares[j]; }, args.stats + (i * s.groups + g) * 2);
}

// Where the output goes: to the storage type of the input, or to bytes.
template <typename T> struct StoredOutput { T *y; };

struct ByteOutput {
  uint8_t *y;
  ByteScale scale;
};

template <bool Tail, typename T>
HS_INLINE void put_output(StoredOutput<T> output, int64_t at, Floats value, int lanes) {
  put<Tail>(output.y + at, value, lanes);
}

template <bool Tail> HS_INLINE void put_output(ByteOutput output, int64_t at, Floats value, int lanes) {
  put_bytes<Tail>(output.y + at, value, output.scale, lanes);
}

template <typename T> HS_INLINE Floats output_silu(StoredOutput<T>, Floats value) { return silu(value); }

HS_INLINE Floats output_silu(ByteOutput, Floats value) { return rough_silu(value); }

// `begin` is where the chunk's first row begins in the output.
template <bool Silu, typename T, typename Output>
static void chunk_output(Part<T> part, Output output, int64_t begin, int64_t rows, const float *table) {
  for_vectors(part.channels, [&]<int B, bool Tail>(int64_t j, int lanes) {
    Floats mean[B], a[B], offset[B];
    for (int b = 0; b < B; b++) {
      const float *at = table + part.first + j + b * kLanes;
      mean[b] = fetch<Tail>(at, lanes);
      a[b] = fetch<Tail>(at + part.c, lanes);
      offset[b] = fetch<Tail>(at + 2 * part.c, lanes);
    }
    for (int64_t r = 0; r < rows; r++)
      for (int b = 0; b < B; b++) {
        __builtin_prefetch(part.x + part.ahead + r * part.channels + j + b * kLanes, 0, 2);
        Floats value =
            (fetch<Tail>(part.x + r * part.channels + j + b * kLanes, lanes) - mean[b]) * a[b] + offset[b];
        if constexpr (Silu)
          value = output_silu(output, value);
        put_output<Tail>(output, begin + r * part.c + part.first + j + b * kLanes, value, lanes);
      }
  });
}

template <typename T, typename Output>
static void forward(const hs_group_norm &args, const Shape &s, Output output) {
  two_passes(
      s,
      [&](int64_t i, int64_t chunk) {
        float *sums = s.sums(args, i, chunk, false);
        for_parts<T>(args, s, i, chunk,
                     [&](Part<T> part) { chunk_moments(part, s.chunk_rows(chunk), sums, sums + s.c); });
      },
      [&](int64_t i) {
        set_statistics(args, s, i);
        set_coefficients(args, s, i, s.coefficients(args, i, false));
      },
      [&](int64_t i, int64_t chunk) {
        const float *table = s.coefficients(args, i, false);
        for_parts<T>(args, s, i, chunk, [&](Part<T> part) {
          const int64_t begin = (i * s.hw + chunk * s.rows) * s.c;
          if (args.silu)
            chunk_output<true>(part, output, begin, s.chunk_rows(chunk), table);
          else
            chunk_output<false>(part, output, begin, s.chunk_rows(chunk), table);
        });
      });
}

// ---- Entry points -----------------------------------------------------------------------------------------

HS_SIZES(hs_group_norm_workspace)(const struct hs_group_norm *args, int32_t gradient) {
  if (!args || args->n <= 0 || args->hw <= 0 || args->c0 <= 0 || args->c1 < 0)
    return 0;
  return Shape(*args).floats(gradient != 0) * static_cast<int64_t>(sizeof(float));
}

HS_KERNEL(hs_group_norm_forward)(hs_stream, const struct hs_group_norm *args) {
  HS_REQUIRE(valid(args) && args->y);
  const Shape shape(*args);
  with_storage(args->dtype, [&](auto storage) {
    using T = decltype(storage);
    forward<T>(*args, shape, StoredOutput<T>{static_cast<T *>(args->y)});
  });
  return HS_OK;
}

HS_KERNEL(hs_group_norm_quantize)(hs_stream, const struct hs_group_norm *args) {
  HS_REQUIRE(valid(args) && args->y && args->scale && *args->scale > 0 && args->zero);
  const Shape shape(*args);
  const ByteOutput output{static_cast<uint8_t *>(args->y), ByteScale(*args->scale, *args->zero)};
  with_storage(args->dtype, [&](auto storage) { forward<decltype(storage)>(*args, shape, output); });
  return HS_OK;
}
