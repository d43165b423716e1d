// Group normalisation over the channel concatenation of two sources, with modulation and SiLU fused in.
//
// A sample is cut into chunks of rows whose size depends on the shape alone; every chunk leaves per-channel
// sums in the workspace and they are merged in order. Threads take whole samples when there are enough, so
// that a sample is still in the second-level cache when it is read again; otherwise they share the chunks.
// Both give the same bits.
#include "normalise.h"
#include "parallel.h"
#include "quantize.h"
#include "variant.h"

static constexpr int64_t kChunkElements = 4096;
static constexpr int64_t kMinChunkRows = 16;
static constexpr int64_t kRun = 32; // rows whose mean is formed before their squared deviations

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

  explicit Shape(const hs_group_norm &args) : Shape(args.n, args.hw, args.c0, args.c1, args.groups) {}
  Shape(int64_t n, int64_t hw, int64_t c0, int64_t c1, int64_t groups)
      : n(n), hw(hw), c0(c0), c1(c1), c(c0 + c1), groups(groups),
        rows(larger(kMinChunkRows, kChunkElements / larger(1, c))), chunks((hw + rows - 1) / rows) {}

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

// ---- Forward
// ----------------------------------------------------------------------------------------------------

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

// Rows of the table: mean, a, b with normalised and modulated value = (x - mean) a + b.
static void set_coefficients(const hs_group_norm &args, const Shape &s, int64_t i, float *table) {
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

// Where the output goes: to the storage type of the input, or to bytes.
template <typename T> struct StoredOutput {
  T *y;
};

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

// ---- Backward
// ---------------------------------------------------------------------------------------------------

// The gradient with respect to the value before SiLU.
template <bool Silu> static inline Floats before_silu(Floats dy, Floats centred, Floats a, Floats offset) {
  if constexpr (Silu)
    return dy * silu_slope(centred * a + offset);
  else
    return dy;
}

// Per channel of a chunk: the sums of u and of u (x - mean), u being the gradient before SiLU. With Keep, u
// is left in part.out, where the second pass finds it.
template <bool Silu, bool Keep, typename T>
static void chunk_gradient_sums(Part<T> part, int64_t rows, const float *table, float *plain,
                                float *centred_sums) {
  for_vectors(part.channels, [&]<int B, bool Tail>(int64_t j, int lanes) {
    Floats mean[B], a[B], offset[B], sum[B] = {}, product[B] = {};
    for (int b = 0; b < B; b++) {
      const float *at = table + part.first + j + b * kLanes;
      mean[b] = fetch<Tail>(at, lanes);
      a[b] = fetch<Tail>(at + part.c, lanes);
      offset[b] = fetch<Tail>(at + 2 * part.c, lanes);
    }
    for (int64_t r = 0; r < rows; r++)
      for (int b = 0; b < B; b++) {
        const int64_t at = r * part.channels + j + b * kLanes;
        Floats centred = fetch<Tail>(part.x + at, lanes) - mean[b];
        Floats dy = fetch<Tail>(part.dy + r * part.c + part.first + j + b * kLanes, lanes);
        Floats u = before_silu<Silu>(dy, centred, a[b], offset[b]);
        if constexpr (Keep)
          put<Tail>(part.out + at, u, lanes);
        sum[b] += u;
        product[b] += u * centred;
      }
    for (int b = 0; b < B; b++) {
      put<Tail>(plain + part.first + j + b * kLanes, sum[b], lanes);
      put<Tail>(centred_sums + part.first + j + b * kLanes, product[b], lanes);
    }
  });
}

// Adds up the chunks of sample i, into rows 5 and 6 of its table.
static void merge_sums(const hs_group_norm &args, const Shape &s, int64_t i, float *table) {
  constexpr int64_t kBlock = 16;
  for (int64_t first = 0; first < s.c; first += kBlock) {
    const int64_t width = smaller(kBlock, s.c - first);
    double plain[kBlock] = {}, centred[kBlock] = {};
    for (int64_t k = 0; k < s.chunks; k++) {
      const float *sums = s.sums(args, i, k, true) + first;
      for (int64_t j = 0; j < width; j++) {
        plain[j] += static_cast<double>(sums[j]);
        centred[j] += static_cast<double>(sums[s.c + j]);
      }
    }
    for (int64_t j = 0; j < width; j++) {
      table[5 * s.c + first + j] = static_cast<float>(plain[j]);
      table[6 * s.c + first + j] = static_cast<float>(centred[j]);
    }
  }
}

// Merges the chunks of sample i. Adds to the coefficient table (mean, a, b) the rows B and C of
// dx = a u + B + C (x - mean), and the sums over pixels of u and of u x̂ (rows 5 and 6), from which
// parameters' gradients come.
static void merge_gradients(const hs_group_norm &args, const Shape &s, int64_t i) {
  const int64_t width = s.c / s.groups;
  const double count = static_cast<double>(s.hw * width);
  float *table = s.coefficients(args, i, true);
  merge_sums(args, s, i, table);
  const float *modulation = args.modulation ? args.modulation + i * args.modulation_stride : nullptr;
  float *dmodulation = args.dmodulation ? args.dmodulation + i * args.dmodulation_stride : nullptr;
  for (int64_t g = 0; g < s.groups; g++) {
    const double rstd = static_cast<double>(args.stats[(i * s.groups + g) * 2 + 1]);
    double total = 0, correlated = 0;
    for (int64_t j = g * width; j < (g + 1) * width; j++) {
      const double sum = static_cast<double>(table[5 * s.c + j]);
      const double product = static_cast<double>(table[6 * s.c + j]) * rstd;
      const double weight = static_cast<double>(args.weight[j]);
      const double gain = (modulation ? 1.0 + static_cast<double>(modulation[j]) : 1.0) * weight;
      total += gain * sum;
      correlated += gain * product;
      table[6 * s.c + j] = static_cast<float>(product);
      if (dmodulation) {
        dmodulation[j] = static_cast<float>(weight * product + static_cast<double>(args.bias[j]) * sum);
        dmodulation[s.c + j] = static_cast<float>(sum);
      }
    }
    for (int64_t j = g * width; j < (g + 1) * width; j++) {
      table[3 * s.c + j] = static_cast<float>(-rstd * total / count);
      table[4 * s.c + j] = static_cast<float>(-rstd * rstd * correlated / count);
    }
  }
}

template <bool Silu, bool Kept, typename T>
static void chunk_input_gradient(Part<T> part, int64_t rows, const float *table) {
  for_vectors(part.channels, [&]<int B, bool Tail>(int64_t j, int lanes) {
    Floats mean[B], a[B], offset[B], constant[B], slope[B];
    for (int b = 0; b < B; b++) {
      const float *at = table + part.first + j + b * kLanes;
      mean[b] = fetch<Tail>(at, lanes);
      a[b] = fetch<Tail>(at + part.c, lanes);
      offset[b] = fetch<Tail>(at + 2 * part.c, lanes);
      constant[b] = fetch<Tail>(at + 3 * part.c, lanes);
      slope[b] = fetch<Tail>(at + 4 * part.c, lanes);
    }
    for (int64_t r = 0; r < rows; r++)
      for (int b = 0; b < B; b++) {
        const int64_t at = r * part.channels + j + b * kLanes;
        Floats centred = fetch<Tail>(part.x + at, lanes) - mean[b];
        Floats u;
        if constexpr (Kept) {
          u = fetch<Tail>(part.out + at, lanes);
        } else {
          Floats dy = fetch<Tail>(part.dy + r * part.c + part.first + j + b * kLanes, lanes);
          u = before_silu<Silu>(dy, centred, a[b], offset[b]);
        }
        Floats dx = a[b] * u + (constant[b] + slope[b] * centred);
        if (part.accumulate)
          dx += fetch<Tail>(part.out + at, lanes);
        put<Tail>(part.out + at, dx, lanes);
      }
  });
}

template <bool Silu, typename T> static void backward(const hs_group_norm &args, const Shape &s) {
  const auto complete = [&](Part<T> part, int64_t i, int64_t chunk) {
    const int64_t row = i * s.hw + chunk * s.rows;
    const bool second = part.first != 0;
    part.dy = static_cast<const T *>(args.dy) + row * s.c;
    part.out = static_cast<T *>(second ? args.dx1 : args.dx0) + row * part.channels;
    part.accumulate = (second ? args.accumulate1 : args.accumulate0) != 0;
    return part;
  };
  // SiLU's slope is dear: keep its product in dx between the passes where dx is not added to. (In bfloat16 it
  // is rounded there, as dx is anyway.)
  constexpr bool kMayKeep = Silu;
  two_passes(
      s,
      [&](int64_t i, int64_t chunk) {
        float *table = s.coefficients(args, i, true);
        float *sums = s.sums(args, i, chunk, true);
        for_parts<T>(args, s, i, chunk, [&](Part<T> part) {
          part = complete(part, i, chunk);
          if (kMayKeep && !part.accumulate)
            chunk_gradient_sums<Silu, kMayKeep>(part, s.chunk_rows(chunk), table, sums, sums + s.c);
          else
            chunk_gradient_sums<Silu, false>(part, s.chunk_rows(chunk), table, sums, sums + s.c);
        });
      },
      [&](int64_t i) { merge_gradients(args, s, i); },
      [&](int64_t i, int64_t chunk) {
        const float *table = s.coefficients(args, i, true);
        for_parts<T>(args, s, i, chunk, [&](Part<T> part) {
          part = complete(part, i, chunk);
          if (kMayKeep && !part.accumulate)
            chunk_input_gradient<Silu, kMayKeep>(part, s.chunk_rows(chunk), table);
          else
            chunk_input_gradient<Silu, false>(part, s.chunk_rows(chunk), table);
        });
      });
}

// dweight and dbias: sums over samples, each sample's share being rows 5 and 6 of its table.
static void parameter_gradients(const hs_group_norm &args, const Shape &s) {
  parallel_blocks(s.c, 64, [&](int64_t begin, int64_t end) {
    for (int64_t j = begin; j < end; j++) {
      double dweight = 0, dbias = 0;
      for (int64_t i = 0; i < s.n; i++) {
        const float *table = s.coefficients(args, i, true);
        const double gain = args.modulation
                                ? 1.0 + static_cast<double>(args.modulation[i * args.modulation_stride + j])
                                : 1.0;
        dbias += gain * static_cast<double>(table[5 * s.c + j]);
        dweight += gain * static_cast<double>(table[6 * s.c + j]);
      }
      args.dweight[j] = static_cast<float>(dweight);
      args.dbias[j] = static_cast<float>(dbias);
    }
  });
}

// ---- Entry points
// -----------------------------------------------------------------------------------------------

static bool valid(const hs_group_norm *args) {
  if (!args || args->n < 0 || args->hw < 1 || args->c0 < 1 || args->c1 < 0 || !is_dtype(args->dtype))
    return false;
  const int64_t c = args->c0 + args->c1;
  return args->groups >= 1 && c % args->groups == 0 && args->eps >= 0 && args->x0 &&
         (args->x1 || args->c1 == 0) && args->weight && args->bias && args->stats && args->workspace &&
         (!args->modulation || args->modulation_stride >= 2 * c);
}

extern "C" int64_t HS_NAME(hs_group_norm_workspace)(int64_t n, int64_t hw, int64_t c, int32_t groups,
                                                    int32_t backward) {
  if (n <= 0 || hw <= 0 || c <= 0 || groups <= 0)
    return 0;
  return Shape(n, hw, c, 0, groups).floats(backward != 0) * static_cast<int64_t>(sizeof(float));
}

HS_KERNEL(hs_group_norm_forward)(hs_stream, const hs_group_norm *args) {
  HS_REQUIRE(valid(args) && args->y);
  const Shape shape(*args);
  with_storage(args->dtype, [&](auto storage) {
    using T = decltype(storage);
    forward<T>(*args, shape, StoredOutput<T>{static_cast<T *>(args->y)});
  });
  return HS_OK;
}

HS_KERNEL(hs_group_norm_quantize)
(hs_stream, const hs_group_norm *args, const float *scale, const float *zero) {
  HS_REQUIRE(valid(args) && args->y && scale && *scale > 0 && zero);
  const Shape shape(*args);
  const ByteOutput output{static_cast<uint8_t *>(args->y), ByteScale(*scale, *zero)};
  with_storage(args->dtype, [&](auto storage) { forward<decltype(storage)>(*args, shape, output); });
  return HS_OK;
}

HS_KERNEL(hs_group_norm_backward)(hs_stream, const hs_group_norm *args) {
  HS_REQUIRE(valid(args) && args->dy && args->dx0 && (args->dx1 || args->c1 == 0) && args->dweight &&
             args->dbias);
  HS_REQUIRE(!args->dmodulation ||
             (args->modulation && args->dmodulation_stride >= 2 * (args->c0 + args->c1)));
  const Shape shape(*args);
  parallel_items(shape.n, shape.n * shape.c,
                 [&](int64_t i) { set_coefficients(*args, shape, i, shape.coefficients(*args, i, true)); });
  with_storage(args->dtype, [&](auto storage) {
    if (args->silu)
      backward<true, decltype(storage)>(*args, shape);
    else
      backward<false, decltype(storage)>(*args, shape);
  });
  parameter_gradients(*args, shape);
  return HS_OK;
}
