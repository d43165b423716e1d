// One step of a normalisation whose factors are known: those of a table of hs_group_norm_table.
#ifndef HALFSTEP_CPU_NORMALISE_H
#define HALFSTEP_CPU_NORMALISE_H

#include "vector_math.h"

template <bool Silu> HS_INLINE Floats normalised(Floats x, Floats mean, Floats factor, Floats offset) {
  const Floats value = (x - mean) * factor + offset;
  if constexpr (Silu)
    return silu(value);
  else
    return value;
}

#endif
