// The moments of an image that is written piece by piece: those of each piece, merged in order.
#ifndef HALFSTEP_CPU_MOMENTS_H
#define HALFSTEP_CPU_MOMENTS_H

#include "parallel.h"
#include "vector.h"

// The type below has internal linkage: those of two instruction sets must not be merged.
namespace {

// Sums of the deviations of one vector of channels from its first pixel: a pixel is never far from the mean,
// so nothing cancels.
struct Deviations {
  Floats origin, sum, squares;

  HS_INLINE void begin(Deviations &of, Floats first) {
    of.origin = first;
    of.sum = of.squares = Floats{};
  }

  HS_INLINE void add(Deviations &to, Floats value) {
    const Floats deviation = value - to.origin;
    to.sum += deviation;
    to.squares += deviation * deviation;
  }

  // Mean and squared deviations of `pixels` pixels.
  HS_INLINE void finish(const Deviations &of, float pixels, float *mean, float *squares) {
    const Floats step = of.sum / pixels;
    store(mean, of.origin + step);
    store(squares, larger_of(of.squares - of.sum * step, Floats{}));
  }
};

} // namespace

// moments [n,2,c] of n images from those of `count` pieces of each, [n,count,2,row], by the formula of Chan,
// Golub and LeVeque (1983). pixels(k) says how many pixels piece k of an image has.
template <typename Pixels>
static void merge_moments(int64_t n, int64_t count, int64_t c, int64_t row, const float *pieces,
                          float *moments, Pixels &&pixels) {
  const int64_t vectors = ceil_div(c, kLanes);
  parallel_items(n * vectors, n * count * c, [&](int64_t item) {
    const int64_t image = item / vectors, channel = item % vectors * kLanes;
    Floats mean = {}, squares = {};
    float total = 0;
    for (int64_t k = 0; k < count; k++) {
      const float *from = pieces + (image * count + k) * 2 * row + channel;
      const float added = pixels(k), share = added / (total + added);
      const Floats step = load(from) - mean;
      mean += step * share;
      squares += load(from + row) + step * step * (share * total);
      total += added;
    }
    float *to = moments + image * 2 * c + channel;
    if (channel + kLanes <= c) {
      store(to, mean);
      store(to + c, squares);
    } else {
      store_first(to, mean, static_cast<int>(c - channel));
      store_first(to + c, squares, static_cast<int>(c - channel));
    }
  });
}

#endif
