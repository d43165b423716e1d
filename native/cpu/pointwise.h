// 1x1 convolutions: what the convolution and its weight gradient share.
#ifndef HALFSTEP_CPU_POINTWISE_H
#define HALFSTEP_CPU_POINTWISE_H

#include "normalise.h"
#include "panel.h"
#include "parallel.h"
#include "variant.h"
#include "vector.h"

static constexpr int64_t kPackedMultiple = 32; // whole panels at every level
static constexpr int64_t kPad = 16;            // floats between what would share the sets of a cache

// Floats of memory of the weight gradient.
extern "C" int64_t HS_NAME(pointwise_gradient_floats)(const hs_pointwise &args);

static inline bool valid_pointwise(const hs_pointwise *args) {
  return args && args->n >= 0 && args->hw >= 1 && args->in0 >= 1 && args->in1 >= 0 && args->out >= 1;
}

static inline bool readable_pointwise(const hs_pointwise *args) {
  return valid_pointwise(args) && args->x0 && (args->x1 || args->in1 == 0) && args->workspace;
}

// One pixel's channels of one source, normalised by its rows of the table, to `put`(channel, vector, lanes).
template <bool Norm, bool Silu, typename Put>
HS_INLINE void read_source(const float *x, int64_t channels, const float *table, int64_t in, Put &&put) {
  const auto vector = [&]<bool Tail>(int64_t j, int lanes) {
    Floats value = fetch<Tail>(x + j, lanes);
    if constexpr (Norm)
      value = normalised<Silu>(value, fetch<Tail>(table + j, lanes), fetch<Tail>(table + in + j, lanes),
                               fetch<Tail>(table + 2 * in + j, lanes));
    put.template operator()<Tail>(j, value, lanes);
  };
  int64_t j = 0;
  for (; j + kLanes <= channels; j += kLanes)
    vector.template operator()<false>(j, kLanes);
  if (j < channels)
    vector.template operator()<true>(j, static_cast<int>(channels - j));
}

// Pixel `row` of all images, through put.operator()<Tail>(channel, vector, lanes).
template <bool Norm, bool Silu, typename Put>
HS_INLINE void read_pixel(const hs_pointwise &args, int64_t row, Put &&put) {
  const int64_t in = args.in0 + args.in1;
  const float *table = Norm ? args.table + row / args.hw * 3 * in : nullptr;
  read_source<Norm, Silu>(args.x0 + row * args.in0, args.in0, table, in, put);
  if (args.in1 > 0)
    read_source<Norm, Silu>(args.x1 + row * args.in1, args.in1, Norm ? table + args.in0 : nullptr, in,
                            [&]<bool Tail>(int64_t j, Floats value, int lanes) {
                              put.template operator()<Tail>(args.in0 + j, value, lanes);
                            });
}

// Calls body.operator()<Norm, Silu>().
template <typename Body> static inline void with_norm(const hs_pointwise &args, Body &&body) {
  if (!args.table)
    body.template operator()<false, false>();
  else if (args.silu)
    body.template operator()<true, true>();
  else
    body.template operator()<true, false>();
}

#endif
