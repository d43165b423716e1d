// What the kernels of group normalisation share: a group's statistics from the moments of its channels, and
// one step of a normalisation whose factors are known (those of a table of hs_group_norm_table).
#ifndef HALFSTEP_CPU_NORMALISE_H
#define HALFSTEP_CPU_NORMALISE_H

#include "vector_math.h"

#include <math.h>

// stats[0..1]: mean and 1/sqrt(variance + eps) of the channels begin .. end - 1, from each one's mean and sum
// of squared deviations over `pixels`.
template <typename Mean, typename Squares>
static inline void group_statistics(int64_t begin, int64_t end, int64_t pixels, float eps, Mean &&mean_of,
                                    Squares &&squares_of, float *stats) {
  const double rows = static_cast<double>(pixels), width = static_cast<double>(end - begin);
  double mean = 0, squares = 0;
  for (int64_t j = begin; j < end; j++)
    mean += static_cast<double>(mean_of(j));
  mean /= width;
  for (int64_t j = begin; j < end; j++) {
    const double step = static_cast<double>(mean_of(j)) - mean;
    squares += static_cast<double>(squares_of(j)) + rows * step * step;
  }
  stats[0] = static_cast<float>(mean);
  stats[1] = static_cast<float>(1.0 / sqrt(squares / (rows * width) + static_cast<double>(eps)));
}

template <bool Silu> HS_INLINE Floats normalised(Floats x, Floats mean, Floats factor, Floats offset) {
  const Floats value = (x - mean) * factor + offset;
  if constexpr (Silu)
    return silu(value);
  else
    return value;
}

#endif
