// Splits work over threads. What a block holds depends on sizes only, so results do not depend on the number
// of threads.
#ifndef HALFSTEP_CPU_PARALLEL_H
#define HALFSTEP_CPU_PARALLEL_H

#include <omp.h>
#include <stdint.h>

static inline int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }
static inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
static inline int64_t round_up(int64_t value, int64_t multiple) {
  return ceil_div(value, multiple) * multiple;
}

// Below this many elements a parallel region costs more than it gains.
static constexpr int64_t kParallelElements = 16384;

// Calls body(begin, end) for consecutive blocks of `block` elements (the last may be shorter).
template <typename Body> static inline void parallel_blocks(int64_t count, int64_t block, Body &&body) {
  const int64_t blocks = ceil_div(count, block);
#pragma omp parallel for schedule(static) if (blocks > 1 && count >= kParallelElements)
  for (int64_t k = 0; k < blocks; k++)
    body(k * block, smaller((k + 1) * block, count));
}

// Calls body(item) for item = 0 .. items-1; `elements` is the size of the whole work.
template <typename Body> static inline void parallel_items(int64_t items, int64_t elements, Body &&body) {
#pragma omp parallel for schedule(static) if (items > 1 && elements >= kParallelElements)
  for (int64_t item = 0; item < items; item++)
    body(item);
}

#endif
