// The input of a Winograd convolution: read once per block, normalised on the way, transformed into V.
#ifndef HALFSTEP_CPU_WINOGRAD_INPUT_H
#define HALFSTEP_CPU_WINOGRAD_INPUT_H

#include "normalise.h"
#include "winograd.h"

namespace {

// A vector of channels of one of the two sources, and its rows of the table.
struct Channels {
  const float *x; // of the first image
  int64_t stride; // between pixels
  const float *table;
  int64_t table_step;

  Channels(const hs_winograd &args, int64_t image, int64_t channel) {
    const bool second = channel >= args.in0;
    const int64_t in = args.in0 + args.in1;
    stride = second ? args.in1 : args.in0;
    x = (second ? args.x1 + channel - args.in0 : args.x0 + channel) + image * args.h * args.w * stride;
    table = args.table ? args.table + image * 3 * in + channel : nullptr;
    table_step = in;
  }
};

} // namespace

// Pixels that the tiles of a run read, with the zeros around the image: strip [rows][columns].
template <typename F, bool Norm, bool Silu>
static void read_strip(const Channels &from, const Run &run, int64_t h, int64_t w, Floats *strip) {
  const int64_t rows = run.rows * F::kOut + 2, columns = run.columns * F::kOut + 2;
  const int64_t top = run.row * F::kOut - 1, left = run.column * F::kOut - 1;
  const int64_t first = larger(0, -left), last = smaller(columns, w - left);
  Floats mean = {}, factor = {}, offset = {};
  if constexpr (Norm) {
    mean = load(from.table);
    factor = load(from.table + from.table_step);
    offset = load(from.table + 2 * from.table_step);
  }
  for (int64_t r = 0; r < rows; r++, strip += columns) {
    const int64_t y = top + r;
    if (y < 0 || y >= h) {
      for (int64_t c = 0; c < columns; c++)
        strip[c] = Floats{};
      continue;
    }
    for (int64_t c = 0; c < first; c++)
      strip[c] = Floats{};
    const float *x = from.x + (y * w + left) * from.stride;
    for (int64_t c = first; c < last; c++) {
      const Floats value = load(x + c * from.stride);
      if constexpr (Norm)
        strip[c] = normalised<Silu>(value, mean, factor, offset);
      else
        strip[c] = value;
    }
    for (int64_t c = last; c < columns; c++)
      strip[c] = Floats{};
  }
}

// v [point][tile] of one vector of channels from its strip; `half` holds the columns of one row of tiles.
template <typename F>
static void transform_strip(const Floats *strip, const Run &run, Floats *half, float *v, int64_t stride,
                            int64_t channels) {
  const int64_t columns = run.columns * F::kOut + 2;
  for (int64_t r = 0; r < run.rows; r++, strip += F::kOut * columns) {
    for (int64_t c = 0; c < columns; c++)
      F::input(strip + c, columns, half + c, columns);
    for (int64_t c = 0; c < run.columns; c++, v += channels)
      for (int i = 0; i < F::kIn; i++) {
        Floats points[F::kIn];
        F::input(half + i * columns + c * F::kOut, 1, points, 1);
        for (int j = 0; j < F::kIn; j++)
          store(v + (i * F::kIn + j) * stride, points[j]);
      }
  }
}

// Vectors that a strip of `tiles` tiles and the columns of its longest row take.
template <typename F> static inline int64_t strip_vectors(int64_t tiles) {
  constexpr int64_t k = F::kOut;
  return k * k * tiles + 2 * k * (tiles + 1) + 4 + F::kIn * (k * tiles + 2);
}

// v [point][tile][channel] of pieces begin .. end-1, points `stride` apart. Returns the number of tiles.
template <typename F>
static int64_t transform_input(const hs_winograd &args, const Tiling<F> &tiling, int64_t begin, int64_t end,
                               Floats *memory, float *v, int64_t stride) {
  const int64_t in = args.in0 + args.in1;
  return tiling.for_runs(begin, end, [&](const Run &run, int64_t first) {
    const int64_t strip = (run.rows * F::kOut + 2) * (run.columns * F::kOut + 2);
    for (int64_t j = 0; j < in; j += kLanes) {
      const Channels from(args, run.image, j);
      if (!args.table)
        read_strip<F, false, false>(from, run, args.h, args.w, memory);
      else if (args.silu)
        read_strip<F, true, true>(from, run, args.h, args.w, memory);
      else
        read_strip<F, true, false>(from, run, args.h, args.w, memory);
      transform_strip<F>(memory, run, memory + strip, v + first * in + j, stride, in);
    }
  });
}

#endif
