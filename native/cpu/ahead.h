// Fetching memory before it is needed.
#ifndef HALFSTEP_CPU_AHEAD_H
#define HALFSTEP_CPU_AHEAD_H

#include "parallel.h"

static constexpr int64_t kLine = 16; // floats of a line of the cache

// The type below has internal linkage: those of two instruction sets must not be merged.
namespace {

// Memory that is asked for a little at a time during products, which leave the memory bus idle, so that it is
// near when it is read or written: lines that lie too far apart for the processor to foresee. All at once
// they would keep it waiting.
struct Ahead {
  const char *at = nullptr;
  int64_t items = 0, stride = 0, width = 0,
          step = 0; // lines of `width` bytes, `stride` apart; so many each time

  Ahead() = default;

  // `items` lines of `width` elements, `stride` elements apart, asked for in so many times; none at NULL.
  template <typename T>
  Ahead(const T *first, int64_t items, int64_t stride, int64_t width, int64_t times = 1)
      : at(reinterpret_cast<const char *>(first)), items(first ? items : 0),
        stride(stride * static_cast<int64_t>(sizeof(T))), width(width * static_cast<int64_t>(sizeof(T))) {
    divide(times);
  }

  void divide(int64_t times) { step = ceil_div(items, times); }

  template <int Write> inline __attribute__((always_inline)) void fetch() {
    for (int64_t i = smaller(step, items); i > 0; i--, items--, at += stride)
      for (int64_t j = 0; j < width; j += kLine * static_cast<int64_t>(sizeof(float)))
        __builtin_prefetch(at + j, Write, 2);
  }
};

} // namespace

#endif
