// Winograd's F(4x4, 3x3): what the convolution and its weight gradient share.
#ifndef HALFSTEP_CPU_WINOGRAD_H
#define HALFSTEP_CPU_WINOGRAD_H

#include "parallel.h"
#include "variant.h"
#include "vector.h"

static constexpr int kTaps = 9;
static constexpr int kPoints = 36;      // of a transformed tile
static constexpr int kIn = 6, kOut = 4; // sides of a tile
static constexpr int kPanel = 2 * kLanes;
static constexpr int kMultiple = 32;                         // whole panels at every instruction set level
static constexpr int kRows = HS_VECTOR_BYTES == 64 ? 12 : 6; // of a product held in registers

struct Sizes {
  int64_t n, h, w, in, out, down, across, tiles; // tiles per column, per row, in all

  Sizes(int64_t n, int64_t h, int64_t w, int64_t in, int64_t out)
      : n(n), h(h), w(w), in(in), out(out), down((h + kOut - 1) / kOut), across((w + kOut - 1) / kOut),
        tiles(n * down * across) {}
};

struct Tile {
  int64_t image, y, x; // its top left output pixel

  Tile(const Sizes &s, int64_t tile)
      : image(tile / (s.down * s.across)), y(tile / s.across % s.down * kOut), x(tile % s.across * kOut) {}
};

// B^T d for one row or column of six vectors.
HS_INLINE void transform_input(const Floats *d, int step, Floats *v, int v_step) {
  const Floats d0 = d[0], d1 = d[step], d2 = d[2 * step];
  const Floats d3 = d[3 * step], d4 = d[4 * step], d5 = d[5 * step];
  const Floats even = d4 - 4.0f * d2, odd = d3 - 4.0f * d1;
  const Floats near = d4 - d2, far = 2.0f * (d3 - d1);
  v[0] = 4.0f * d0 - 5.0f * d2 + d4;
  v[v_step] = even + odd;
  v[2 * v_step] = even - odd;
  v[3 * v_step] = near + far;
  v[4 * v_step] = near - far;
  v[5 * v_step] = 4.0f * d1 - 5.0f * d3 + d5;
}

// v [point][tile][in] of one tile; points are `point_stride` apart.
static void input_tile(const float *x, const Sizes &s, const Tile &tile, float *v, int64_t point_stride) {
  const float *image = x + tile.image * s.h * s.w * s.in;
  const int64_t top = tile.y - 1, left = tile.x - 1;
  for (int64_t j = 0; j < s.in; j += kLanes) {
    Floats d[kPoints], half[kPoints], out[kPoints];
    const int lanes = static_cast<int>(smaller(kLanes, s.in - j));
    for (int r = 0; r < kIn; r++)
      for (int c = 0; c < kIn; c++) {
        const int64_t yy = top + r, xx = left + c;
        const bool inside = yy >= 0 && yy < s.h && xx >= 0 && xx < s.w;
        const float *from = image + (yy * s.w + xx) * s.in + j;
        d[r * kIn + c] = !inside ? Floats{} : lanes == kLanes ? load(from) : load_first(from, lanes);
      }
    for (int c = 0; c < kIn; c++)
      transform_input(d + c, kIn, half + c, kIn);
    for (int r = 0; r < kIn; r++)
      transform_input(half + r * kIn, 1, out + r * kIn, 1);
    for (int p = 0; p < kPoints; p++) {
      if (lanes == kLanes)
        store(v + p * point_stride + j, out[p]);
      else
        store_first(v + p * point_stride + j, out[p], lanes);
    }
  }
}

#endif
