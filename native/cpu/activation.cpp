// Functions of single numbers, alone and in gated linear units, with their gradients.
#include "activation.h"
#include "parallel.h"
#include "variant.h"

static constexpr int64_t kBlock = 8192;

// ---- Alone ------------------------------------------------------------------------------------------------

template <typename F, typename T> static void activate(const T *x, T *y, int64_t count) {
  parallel_blocks(count, kBlock, [=](int64_t begin, int64_t end) {
    for_vectors(end - begin, [=]<int B, bool Tail>(int64_t j, int lanes) {
      for (int b = 0; b < B; b++) {
        const int64_t at = begin + j + b * kLanes;
        put<Tail>(y + at, F::value(fetch<Tail>(x + at, lanes)), lanes);
      }
    });
  });
}

template <typename F, typename T>
static void activate_backward(const T *x, const T *dy, T *dx, int64_t count, bool accumulate) {
  parallel_blocks(count, kBlock, [=](int64_t begin, int64_t end) {
    for_vectors(end - begin, [=]<int B, bool Tail>(int64_t j, int lanes) {
      for (int b = 0; b < B; b++) {
        const int64_t at = begin + j + b * kLanes;
        Floats gradient = fetch<Tail>(dy + at, lanes) * F::slope(fetch<Tail>(x + at, lanes));
        if (accumulate)
          gradient += fetch<Tail>(dx + at, lanes);
        put<Tail>(dx + at, gradient, lanes);
      }
    });
  });
}

static bool valid(const struct hs_activation *args) {
  return args && args->x && args->count >= 0 && is_function(args->function) && is_dtype(args->dtype);
}

HS_KERNEL(hs_activation_forward)(hs_stream, const struct hs_activation *args) {
  HS_REQUIRE(valid(args) && args->y);
  with_storage(args->dtype, [&](auto storage) {
    using T = decltype(storage);
    with_function(args->function, [&](auto function) {
      activate<decltype(function)>(static_cast<const T *>(args->x), static_cast<T *>(args->y), args->count);
    });
  });
  return HS_OK;
}

HS_KERNEL(hs_activation_backward)(hs_stream, const struct hs_activation *args) {
  HS_REQUIRE(valid(args) && args->dy && args->dx);
  with_storage(args->dtype, [&](auto storage) {
    using T = decltype(storage);
    with_function(args->function, [&](auto function) {
      activate_backward<decltype(function)>(static_cast<const T *>(args->x), static_cast<const T *>(args->dy),
                                            static_cast<T *>(args->dx), args->count, args->accumulate != 0);
    });
  });
  return HS_OK;
}

// ---- Gated linear units -----------------------------------------------------------------------------------

// Calls body(row) for every row; `c` is what a row costs.
template <typename Body> static void for_rows(int64_t rows, int64_t c, Body &&body) {
  const int64_t block = larger(1, kBlock / larger(1, c)), blocks = ceil_div(rows, block);
  parallel_items(blocks, rows * c, [&](int64_t item) {
    for (int64_t r = item * block; r < smaller(rows, (item + 1) * block); r++)
      body(r);
  });
}

template <typename F, typename T> static void gate(const T *x, T *y, int64_t rows, int64_t c) {
  for_rows(rows, c, [=](int64_t r) {
    const T *a = x + r * 2 * c, *b = a + c;
    T *out = y + r * c;
    for_vectors(c, [=]<int B, bool Tail>(int64_t j, int lanes) {
      for (int v = 0; v < B; v++) {
        const int64_t at = j + v * kLanes;
        put<Tail>(out + at, fetch<Tail>(a + at, lanes) * F::value(fetch<Tail>(b + at, lanes)), lanes);
      }
    });
  });
}

template <typename F, typename T>
static void gate_backward(const T *x, const T *dy, T *dx, int64_t rows, int64_t c, bool accumulate) {
  for_rows(rows, 2 * c, [=](int64_t r) {
    const T *a = x + r * 2 * c, *b = a + c, *upstream = dy + r * c;
    T *da = dx + r * 2 * c, *db = da + c;
    for_vectors(c, [=]<int B, bool Tail>(int64_t j, int lanes) {
      for (int v = 0; v < B; v++) {
        const int64_t at = j + v * kLanes;
        const Floats gate = fetch<Tail>(b + at, lanes), gradient = fetch<Tail>(upstream + at, lanes);
        Floats to_a = gradient * F::value(gate);
        Floats to_b = gradient * fetch<Tail>(a + at, lanes) * F::slope(gate);
        if (accumulate) {
          to_a += fetch<Tail>(da + at, lanes);
          to_b += fetch<Tail>(db + at, lanes);
        }
        put<Tail>(da + at, to_a, lanes);
        put<Tail>(db + at, to_b, lanes);
      }
    });
  });
}

static bool valid(const struct hs_glu *args) {
  return args && args->x && args->rows >= 0 && args->c >= 0 && is_function(args->function) &&
         is_dtype(args->dtype);
}

HS_KERNEL(hs_glu_forward)(hs_stream, const struct hs_glu *args) {
  HS_REQUIRE(valid(args) && args->y);
  with_storage(args->dtype, [&](auto storage) {
    using T = decltype(storage);
    with_function(args->function, [&](auto function) {
      gate<decltype(function)>(static_cast<const T *>(args->x), static_cast<T *>(args->y), args->rows,
                               args->c);
    });
  });
  return HS_OK;
}

HS_KERNEL(hs_glu_backward)(hs_stream, const struct hs_glu *args) {
  HS_REQUIRE(valid(args) && args->dy && args->dx);
  with_storage(args->dtype, [&](auto storage) {
    using T = decltype(storage);
    with_function(args->function, [&](auto function) {
      gate_backward<decltype(function)>(static_cast<const T *>(args->x), static_cast<const T *>(args->dy),
                                        static_cast<T *>(args->dx), args->rows, args->c,
                                        args->accumulate != 0);
    });
  });
  return HS_OK;
}
