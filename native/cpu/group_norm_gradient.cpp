// The gradients of group normalisation: of both sources, of weight and bias, and of the modulation.
#include "group_norm.h"
#include "vector_math.h"

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

HS_KERNEL(hs_group_norm_backward)(hs_stream, const struct hs_group_norm *args) {
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
