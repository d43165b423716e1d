// Fetching memory before it is needed.
#ifndef HALFSTEP_CPU_AHEAD_H
#define HALFSTEP_CPU_AHEAD_H

#include "parallel.h"

static constexpr int64_t kLine = 16; // floats of a line of the cache

// The type below has internal linkage: those of two instruction sets must not be merged.
namespace {

// Memory that is asked for a little at a time during products, which leave the memory bus idle, so that it is
// near when it is read or written.
struct Ahead {
  const float *at;
  int64_t items, stride, width, step; // lines of `width` floats, `stride` floats apart; so many each time

  Ahead(const float *first, int64_t items, int64_t stride, int64_t width, int64_t times)
      : at(first), items(first ? items : 0), stride(stride), width(width), step((items + times - 1) / times) {
  }

  template <int Write> inline __attribute__((always_inline)) void fetch() {
    for (int64_t i = smaller(step, items); i > 0; i--, items--, at += stride)
      for (int64_t j = 0; j < width; j += kLine)
        __builtin_prefetch(at + j, Write, 2);
  }
};

} // namespace

#endif
