// Functions of single numbers, alone and in gated linear units, with their gradients.
#ifndef HS_CASES
#include "activation.cuh"
#include "map.cuh"

// ---- Alone ------------------------------------------------------------------------------------------------

template <typename F> struct Activation {
  template <typename T> struct Value {
    __device__ float operator()(float x, float, float) const { return F::template value<T>(x); }
  };

  template <typename T> struct Gradient {
    __device__ float operator()(float x, float dy, float) const { return dy * F::template slope<T>(x); }
  };

  template <typename T> struct GradientAdded {
    __device__ float operator()(float x, float dy, float before) const {
      return dy * F::template slope<T>(x) + before;
    }
  };
};

static bool valid(const struct hs_activation *args) {
  return args && args->x && args->count >= 0 && is_function(args->function) && is_dtype(args->dtype);
}

int hs_activation_forward(hs_stream stream, const struct hs_activation *args) {
  HS_REQUIRE(valid(args) && args->y);
  return with_function(args->function, [&](auto function) {
    using F = Activation<decltype(function)>;
    return launch_map<1, F::template Value>(stream, {args->x, nullptr, nullptr}, args->y, args->count,
                                            args->dtype);
  });
}

int hs_activation_backward(hs_stream stream, const struct hs_activation *args) {
  HS_REQUIRE(valid(args) && args->dy && args->dx);
  return with_function(args->function, [&](auto function) {
    using F = Activation<decltype(function)>;
    if (args->accumulate)
      return launch_map<3, F::template GradientAdded>(stream, {args->x, args->dy, args->dx}, args->dx,
                                                      args->count, args->dtype);
    return launch_map<2, F::template Gradient>(stream, {args->x, args->dy, nullptr}, args->dx, args->count,
                                               args->dtype);
  });
}

// ---- Gated linear units -----------------------------------------------------------------------------------

struct Gates {
  int64_t total, packs; // packs of V numbers: of all rows of y, of one
  Divider by_packs;
};

template <typename F, typename T, int V> __global__ void gate(const T *x, T *y, Gates shape) {
  wait_for_earlier();
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < shape.total; i += step) {
    const int64_t row = shape.by_packs(static_cast<unsigned>(i));
    const T *from = x + (i + row * shape.packs) * V; // rows of x are twice as long
    float a[V], b[V];
    load(from, a);
    load(from + shape.packs * V, b);
#pragma unroll
    for (int v = 0; v < V; v++)
      a[v] *= F::template value<T>(b[v]);
    store(y + i * V, a);
  }
}

template <typename F, typename T, int V, bool Add>
__global__ void gate_gradient(const T *x, const T *dy, T *dx, Gates shape) {
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t i = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < shape.total; i += step) {
    const int64_t row = shape.by_packs(static_cast<unsigned>(i));
    const int64_t at = (i + row * shape.packs) * V, gates = at + shape.packs * V;
    float a[V], b[V], upstream[V], before[2][V] = {};
    load(x + at, a);
    load(x + gates, b);
    load(dy + i * V, upstream);
    if constexpr (Add) {
      load(dx + at, before[0]);
      load(dx + gates, before[1]);
    }
#pragma unroll
    for (int v = 0; v < V; v++) {
      const float gate = b[v];
      b[v] = upstream[v] * a[v] * F::template slope<T>(gate) + before[1][v];
      a[v] = upstream[v] * F::template value<T>(gate) + before[0][v];
    }
    store(dx + at, a);
    store(dx + gates, b);
  }
}

static bool valid(const struct hs_glu *args) {
  return args && args->x && args->rows >= 0 && args->c >= 0 && is_function(args->function) &&
         is_dtype(args->dtype);
}

// body(a function, a value of the storage type, the elements of one access, the shape).
template <typename Body> static int with_gates(const hs_glu &args, bool aligned_all, Body &&body) {
  if (args.rows == 0 || args.c == 0)
    return HS_OK;
  const bool packs = aligned_all && args.c % elements_of_16_bytes(args.dtype) == 0;
  return with_function(args.function, [&](auto function) {
    return with_pack(args.dtype, packs, [&](auto storage, auto width) {
      const int64_t each = args.c / decltype(width)::value;
      if (2 * args.rows * each > kMaxIndex)
        return static_cast<int>(HS_UNSUPPORTED);
      return body(function, storage, width, Gates{args.rows * each, each, Divider(each)});
    });
  });
}

int hs_glu_forward(hs_stream stream, const struct hs_glu *args) {
  HS_REQUIRE(valid(args) && args->y);
  return with_gates(*args, aligned(args->x, args->y),
                    [&](auto function, auto storage, auto width, const Gates &shape) {
                      using T = decltype(storage);
                      return launch_early(gate<decltype(function), T, decltype(width)::value>,
                                          blocks_for(shape.total), kThreads, 0, stream,
                                          static_cast<const T *>(args->x), static_cast<T *>(args->y), shape);
                    });
}

int hs_glu_backward(hs_stream stream, const struct hs_glu *args) {
  HS_REQUIRE(valid(args) && args->dy && args->dx);
  return with_gates(*args, aligned(args->x, args->dy, args->dx),
                    [&](auto function, auto storage, auto width, const Gates &shape) {
                      using F = decltype(function);
                      using T = decltype(storage);
                      constexpr int V = decltype(width)::value;
                      return launch(
                          args->accumulate ? gate_gradient<F, T, V, true> : gate_gradient<F, T, V, false>,
                          blocks_for(shape.total), kThreads, 0, stream, static_cast<const T *>(args->x),
                          static_cast<const T *>(args->dy), static_cast<T *>(args->dx), shape);
                    });
}

#else // ---- What is compared with the CPU's ----------------------------------------------------------------
#include "test/harness.h"

static void activation(const Check &check, int32_t dtype, int64_t count) {
  check(name_of("activation", dtype, {count}), [=](Side &s) {
    const void *a = s.numbers(dtype, count, 1, 3), *b = s.numbers(dtype, count, 2);
    void *y = s.output(dtype, count), *sum = s.numbers(dtype, count, 3);
    for (int32_t function = HS_SILU; function <= HS_QUICK_GELU; function++) {
      HS_RUN(s, hs_activation_forward, .count = count, .function = function, .dtype = dtype, .x = a, .y = y);
      s.read("function", y, dtype, count);
      struct hs_activation back = {.count = count, .function = function, .dtype = dtype, .x = a};
      back.dy = b;
      back.dx = y;
      HS_CALL(s, hs_activation_backward, back);
      s.read("slope", y, dtype, count);
      back.accumulate = 1;
      back.dx = sum;
      HS_CALL(s, hs_activation_backward, back);
      s.read("slope added", sum, dtype, count);
    }
  });
}

static void glu(const Check &check, int32_t dtype, int64_t rows, int64_t c) {
  check(name_of("glu", dtype, {rows, c}), [=](Side &s) {
    struct hs_glu a = {.rows = rows, .c = c, .dtype = dtype, .x = s.numbers(dtype, rows * 2 * c, 1, 2)};
    a.y = s.output(dtype, rows * c);
    a.dy = s.numbers(dtype, rows * c, 2);
    a.dx = s.numbers(dtype, rows * 2 * c, 3);
    for (a.function = HS_SILU; a.function <= HS_QUICK_GELU; a.function++) {
      HS_CALL(s, hs_glu_forward, a);
      s.read("y", a.y, dtype, rows * c);
      a.accumulate = a.function % 2;
      HS_CALL(s, hs_glu_backward, a);
      s.read("dx", a.dx, dtype, rows * 2 * c);
    }
  });
}

static const Cases cases([](const Check &check) {
  for (int32_t dtype : {HS_F32, HS_BF16}) {
    for (int64_t size : {1, 4099, 8192})
      activation(check, dtype, size);
    glu(check, dtype, 5, 37);
    glu(check, dtype, 33, 64);
  }
});
#endif
