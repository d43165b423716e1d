// Numbers of rows, as callers give them.
#ifndef HALFSTEP_CPU_IDS_H
#define HALFSTEP_CPU_IDS_H

#include <stdint.h>

static inline bool ids_in_range(const int32_t *ids, int64_t n, int64_t rows) {
  for (int64_t i = 0; i < n; i++)
    if (ids[i] < 0 || ids[i] >= rows)
      return false;
  return true;
}

#endif
