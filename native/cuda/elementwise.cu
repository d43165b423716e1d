// Kernels that read and write each element once: sums, clamping, conversion, columns, per-sample
// combinations.
#ifndef HS_CASES
#include "map.cuh"

// ---- Functions of the elements at one index ---------------------------------------------------------------

template <typename T> struct Sum {
  __device__ float operator()(float a, float b, float) const { return a + b; }
};

template <typename T> struct Clamp {
  float low, high;
  __device__ float operator()(float x, float, float) const {
    return x < low ? low : x > high ? high : x;
  } // keeps a NaN
};

int hs_add(hs_stream stream, const struct hs_add *args) {
  HS_REQUIRE(args && args->a && args->b && args->y && args->count >= 0 && is_dtype(args->dtype));
  return launch_map<2, Sum>(stream, {args->a, args->b, nullptr}, args->y, args->count, args->dtype);
}

int hs_clamp(hs_stream stream, const struct hs_clamp *args) {
  HS_REQUIRE(args && args->x && args->y && args->low <= args->high && args->count >= 0 &&
             is_dtype(args->dtype));
  return launch_map<1, Clamp>(stream, {args->x, nullptr, nullptr}, args->y, args->count, args->dtype,
                              args->low, args->high);
}

// ---- Conversion -------------------------------------------------------------------------------------------

template <typename From, typename To, int V>
__global__ void convert(const From *from, To *to, int64_t count) {
  wait_for_earlier();
  const int64_t step = int64_t{gridDim.x} * blockDim.x * V;
  for (int64_t i = (int64_t{blockIdx.x} * blockDim.x + threadIdx.x) * V; i < count; i += step) {
    if (i + V <= count) {
      float values[V];
      load(from + i, values);
      store(to + i, values);
    } else {
      for (int64_t j = i; j < count; j++)
        to[j] = from_float<To>(to_float(from[j]));
    }
  }
}

int hs_convert(hs_stream stream, const struct hs_convert *args) {
  HS_REQUIRE(args && args->src && args->dst && args->count >= 0 && is_dtype(args->src_dtype) &&
             is_dtype(args->dst_dtype));
  const int64_t count = args->count;
  return with_storage(args->src_dtype, [&](auto from_storage) {
    return with_storage(args->dst_dtype, [&](auto to_storage) {
      using From = decltype(from_storage);
      using To = decltype(to_storage);
      const From *from = static_cast<const From *>(args->src);
      To *to = static_cast<To *>(args->dst);
      if (aligned(args->src, args->dst))
        return launch_early(convert<From, To, 4>, blocks_for(ceil_div(count, 4)), kThreads, 0, stream, from,
                            to, count);
      return launch_early(convert<From, To, 1>, blocks_for(count), kThreads, 0, stream, from, to, count);
    });
  });
}

// ---- Rows -------------------------------------------------------------------------------------------------

struct Columns {
  int64_t rows, packs;      // packs of V columns
  int64_t from_row, to_row; // elements from one row to the next
  Divider by_packs;
};

template <typename T, int V, bool Add> __global__ void copy_columns(const T *from, T *to, Columns shape) {
  wait_for_earlier();
  const int64_t total = shape.rows * shape.packs, step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < total; i += step) {
    const unsigned row = shape.by_packs(static_cast<unsigned>(i));
    const int64_t column = (i - int64_t{row} * shape.packs) * V;
    float values[V];
    load(from + row * shape.from_row + column, values);
    T *out = to + row * shape.to_row + column;
    if constexpr (Add) {
      float before[V];
      load(out, before);
#pragma unroll
      for (int v = 0; v < V; v++)
        values[v] += before[v];
    }
    store(out, values);
  }
}

int hs_copy_columns(hs_stream stream, const struct hs_copy_columns *args) {
  HS_REQUIRE(args && args->src && args->dst && args->rows >= 0 && args->columns >= 0 &&
             is_dtype(args->dtype));
  HS_REQUIRE(args->src_offset >= 0 && args->src_offset + args->columns <= args->src_stride);
  HS_REQUIRE(args->dst_offset >= 0 && args->dst_offset + args->columns <= args->dst_stride);
  const int64_t rows = args->rows, columns = args->columns;
  if (rows == 0 || columns == 0)
    return HS_OK;
  const int64_t pack = elements_of_16_bytes(args->dtype);
  const bool packs = aligned(args->src, args->dst) && args->src_stride % pack == 0 &&
                     args->src_offset % pack == 0 && args->dst_stride % pack == 0 &&
                     args->dst_offset % pack == 0 && columns % pack == 0;
  return with_pack(args->dtype, packs, [&](auto storage, auto width) {
    using T = decltype(storage);
    constexpr int V = decltype(width)::value;
    const Columns shape = {rows, columns / V, args->src_stride, args->dst_stride, Divider(columns / V)};
    if (rows * shape.packs > kMaxIndex)
      return static_cast<int>(HS_UNSUPPORTED);
    return launch_early(args->accumulate ? copy_columns<T, V, true> : copy_columns<T, V, false>,
                        blocks_for(rows * shape.packs), kThreads, 0, stream,
                        static_cast<const T *>(args->src) + args->src_offset,
                        static_cast<T *>(args->dst) + args->dst_offset, shape);
  });
}

struct PerChannel {
  int64_t total, packs, e_row; // packs of V elements; of one pixel
  Divider by_packs, by_pixels;
};

template <typename T, int V>
__global__ void add_per_channel(const T *x, const float *e, T *y, PerChannel shape) {
  wait_for_earlier();
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < shape.total; i += step) {
    const unsigned row = shape.by_packs(static_cast<unsigned>(i)), sample = shape.by_pixels(row);
    const int64_t channel = (i - int64_t{row} * shape.packs) * V;
    float values[V];
    load(x + i * V, values);
    const float *added = e + sample * shape.e_row + channel;
#pragma unroll
    for (int v = 0; v < V; v++)
      values[v] += added[v];
    store(y + i * V, values);
  }
}

int hs_add_per_channel(hs_stream stream, const struct hs_add_per_channel *args) {
  HS_REQUIRE(args && args->x && args->e && args->y && args->n >= 0 && args->hw >= 0 && args->c >= 0 &&
             args->e_stride >= args->c && is_dtype(args->dtype));
  const int64_t n = args->n, hw = args->hw, c = args->c;
  if (n * hw * c == 0)
    return HS_OK;
  const bool packs = aligned(args->x, args->y) && c % elements_of_16_bytes(args->dtype) == 0;
  return with_pack(args->dtype, packs, [&](auto storage, auto width) {
    using T = decltype(storage);
    constexpr int V = decltype(width)::value;
    const PerChannel shape = {n * hw * (c / V), c / V, args->e_stride, Divider(c / V), Divider(hw)};
    if (shape.total > kMaxIndex)
      return static_cast<int>(HS_UNSUPPORTED);
    return launch_early(add_per_channel<T, V>, blocks_for(shape.total), kThreads, 0, stream,
                        static_cast<const T *>(args->x), args->e, static_cast<T *>(args->y), shape);
  });
}

// ---- Combinations with one coefficient per sample ---------------------------------------------------------

struct Terms {
  const void *x[4];
};

template <typename T, int V, int Count>
__global__ void combine(T *y, Terms terms, const float *coefficients, int64_t n, int64_t packs,
                        Divider by_packs) {
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < n * packs; i += step) {
    const unsigned sample = by_packs(static_cast<unsigned>(i));
    float in[Count][V], sum[V];
#pragma unroll
    for (int k = 0; k < Count; k++)
      load(static_cast<const T *>(terms.x[k]) + i * V, in[k]);
#pragma unroll
    for (int v = 0; v < V; v++)
      sum[v] = coefficients[sample] * in[0][v];
#pragma unroll
    for (int k = 1; k < Count; k++) {
      const float factor = coefficients[k * n + sample];
#pragma unroll
      for (int v = 0; v < V; v++)
        sum[v] += factor * in[k][v];
    }
    store(y + i * V, sum);
  }
}

int hs_linear_combination(hs_stream stream, const struct hs_linear_combination *args) {
  HS_REQUIRE(args && args->y && args->coefficients && args->n >= 0 && args->per_sample >= 0 &&
             args->terms >= 1 && args->terms <= 4 && is_dtype(args->dtype));
  const int64_t n = args->n, per_sample = args->per_sample;
  const int32_t terms = args->terms;
  HS_REQUIRE(args->x0 && (terms < 2 || args->x1) && (terms < 3 || args->x2) && (terms < 4 || args->x3));
  if (n == 0 || per_sample == 0)
    return HS_OK;
  const Terms from = {{args->x0, terms > 1 ? args->x1 : nullptr, terms > 2 ? args->x2 : nullptr,
                       terms > 3 ? args->x3 : nullptr}};
  const bool packs = aligned(args->y, from.x[0], from.x[1], from.x[2], from.x[3]) &&
                     per_sample % elements_of_16_bytes(args->dtype) == 0;
  return with_pack(args->dtype, packs, [&](auto storage, auto width) {
    using T = decltype(storage);
    constexpr int V = decltype(width)::value;
    const int64_t each = per_sample / V;
    if (n * each > kMaxIndex)
      return static_cast<int>(HS_UNSUPPORTED);
    const auto kernel = terms == 1   ? combine<T, V, 1>
                        : terms == 2 ? combine<T, V, 2>
                        : terms == 3 ? combine<T, V, 3>
                                     : combine<T, V, 4>;
    return launch(kernel, blocks_for(n * each), kThreads, 0, stream, static_cast<T *>(args->y), from,
                  args->coefficients, n, each, Divider(each));
  });
}

#else // ---- What is compared with the CPU's ----------------------------------------------------------------
#include "test/harness.h"

static void elements(const Check &check, int32_t dtype, int64_t count) {
  check(name_of("elements", dtype, {count}), [=](Side &s) {
    const void *a = s.numbers(dtype, count, 1, 3), *b = s.numbers(dtype, count, 2);
    void *y = s.output(dtype, count);
    HS_RUN(s, hs_add, .count = count, .dtype = dtype, .a = a, .b = b, .y = y);
    s.read("sum", y, dtype, count);
    HS_RUN(s, hs_clamp, .count = count, .dtype = dtype, .low = -0.5f, .high = 0.7f, .x = a, .y = y);
    s.read("clamped", y, dtype, count);
    for (int32_t to : {HS_F32, HS_BF16}) {
      void *converted = s.output(to, count);
      HS_RUN(s, hs_convert, .count = count, .src_dtype = dtype, .dst_dtype = to, .src = a, .dst = converted);
      s.read("converted", converted, to, count);
    }
  });
}

static void rows(const Check &check, int32_t dtype, int64_t n, int64_t hw, int64_t c) {
  check(name_of("rows", dtype, {n, hw, c}), [=](Side &s) {
    const int64_t count = n * hw * c, wide = c + 8;
    const void *x = s.numbers(dtype, count, 1), *big = s.numbers(dtype, n * hw * wide, 2);
    void *y = s.output(dtype, count);
    for (int32_t add : {0, 1}) {
      void *to = s.numbers(dtype, n * hw * wide, 3);
      HS_RUN(s, hs_copy_columns, .rows = n * hw, .columns = c, .src_stride = wide, .src_offset = 8,
             .dst_stride = wide, .dtype = dtype, .accumulate = add, .src = big, .dst = to);
      s.read("columns", to, dtype, n * hw * wide);
    }
    HS_RUN(s, hs_add_per_channel, .n = n, .hw = hw, .c = c, .e_stride = c + 3, .dtype = dtype, .x = x,
           .e = s.floats(n * (c + 3), 4), .y = y);
    s.read("per channel", y, dtype, count);
    const void *in[4] = {x, s.numbers(dtype, count, 7), s.numbers(dtype, count, 8),
                         s.numbers(dtype, count, 9)};
    const float *factors = s.floats(4 * n, 10);
    for (int32_t terms = 1; terms <= 4; terms++) {
      HS_RUN(s, hs_linear_combination, .n = n, .per_sample = hw * c, .terms = terms, .dtype = dtype,
             .x0 = in[0], .x1 = in[1], .x2 = in[2], .x3 = in[3], .coefficients = factors, .y = y);
      s.read("combination", y, dtype, count);
    }
  });
}

static const Cases cases([](const Check &check) {
  for (int32_t dtype : {HS_F32, HS_BF16}) {
    for (int64_t size : {1, 4099, 8192})
      elements(check, dtype, size);
    rows(check, dtype, 3, 35, 37);
    rows(check, dtype, 2, 64, 48);
    rows(check, dtype, 1, 301, 264);
  }
});
#endif
