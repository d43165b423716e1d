// Winograd's F(2x2, 3x3) and F(4x4, 3x3): what the convolution and its weight gradient share (Lavin and Gray:
// "Fast Algorithms for Convolutional Neural Networks", 2015).
#ifndef HALFSTEP_CPU_WINOGRAD_H
#define HALFSTEP_CPU_WINOGRAD_H

#include "panel.h"
#include "parallel.h"
#include "variant.h"

static constexpr int kTaps = 9;                                 // of a filter
static constexpr int kInputMultiple = 16, kOutputMultiple = 32; // whole vectors and panels at every level

// Floats of memory of the weight gradient.
extern "C" int64_t HS_NAME(winograd_gradient_floats)(const hs_winograd &args);

// The types below have internal linkage: those of two instruction sets must not be merged.
namespace {

// ---- Transforms of one row or column of vectors -----------------------------------------------------------

// Output tiles of two pixels; points 0, 1, -1, infinity.
struct Two {
  static constexpr int kOut = 2, kIn = 4, kPoints = 16;

  // B^T d
  HS_INLINE void input(const Floats *d, int64_t step, Floats *v, int64_t v_step) {
    const Floats d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step];
    v[0] = d0 - d2;
    v[v_step] = d1 + d2;
    v[2 * v_step] = d2 - d1;
    v[3 * v_step] = d1 - d3;
  }

  // A^T m
  HS_INLINE void output(const Floats *m, int step, Floats *y, int y_step) {
    const Floats m0 = m[0], m1 = m[step], m2 = m[2 * step], m3 = m[3 * step];
    y[0] = m0 + m1 + m2;
    y[y_step] = m1 - m2 - m3;
  }

  // G g
  HS_INLINE void weight(const Floats *g, int step, Floats *u, int u_step) {
    const Floats g0 = g[0], g1 = g[step], g2 = g[2 * step], outer = g0 + g2;
    u[0] = g0;
    u[u_step] = 0.5f * (outer + g1);
    u[2 * u_step] = 0.5f * (outer - g1);
    u[3 * u_step] = g2;
  }

  // A y
  HS_INLINE void output_gradient(const Floats *y, int step, Floats *z, int z_step) {
    const Floats y0 = y[0], y1 = y[step];
    z[0] = y0;
    z[z_step] = y0 + y1;
    z[2 * z_step] = y0 - y1;
    z[3 * z_step] = -y1;
  }

  // G^T u
  HS_INLINE void weight_gradient(const Floats *u, int step, Floats *g, int g_step) {
    const Floats u0 = u[0], u1 = u[step], u2 = u[2 * step], u3 = u[3 * step];
    const Floats near = 0.5f * (u1 + u2);
    g[0] = u0 + near;
    g[g_step] = 0.5f * (u1 - u2);
    g[2 * g_step] = near + u3;
  }
};

// Output tiles of four pixels; points 0, 1, -1, 2, -2, infinity.
struct Four {
  static constexpr int kOut = 4, kIn = 6, kPoints = 36;

  HS_INLINE void input(const Floats *d, int64_t step, Floats *v, int64_t v_step) {
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

  HS_INLINE void output(const Floats *m, int step, Floats *y, int y_step) {
    const Floats m0 = m[0], m1 = m[step], m2 = m[2 * step];
    const Floats m3 = m[3 * step], m4 = m[4 * step], m5 = m[5 * step];
    const Floats near = m1 + m2, far = m3 + m4;
    const Floats near_odd = m1 - m2, far_odd = m3 - m4;
    y[0] = m0 + near + far;
    y[y_step] = near_odd + 2.0f * far_odd;
    y[2 * y_step] = near + 4.0f * far;
    y[3 * y_step] = near_odd + 8.0f * far_odd + m5;
  }

  HS_INLINE void weight(const Floats *g, int step, Floats *u, int u_step) {
    const Floats g0 = g[0], g1 = g[step], g2 = g[2 * step];
    const Floats outer = g0 + g2, wide = g0 + 4.0f * g2;
    u[0] = 0.25f * g0;
    u[u_step] = (outer + g1) * (-1.0f / 6.0f);
    u[2 * u_step] = (outer - g1) * (-1.0f / 6.0f);
    u[3 * u_step] = (wide + 2.0f * g1) * (1.0f / 24.0f);
    u[4 * u_step] = (wide - 2.0f * g1) * (1.0f / 24.0f);
    u[5 * u_step] = g2;
  }

  HS_INLINE void output_gradient(const Floats *y, int step, Floats *z, int z_step) {
    const Floats y0 = y[0], y1 = y[step], y2 = y[2 * step], y3 = y[3 * step];
    const Floats even = y0 + y2, odd = y1 + y3;
    const Floats far_even = y0 + 4.0f * y2, far_odd = 2.0f * y1 + 8.0f * y3;
    z[0] = y0;
    z[z_step] = even + odd;
    z[2 * z_step] = even - odd;
    z[3 * z_step] = far_even + far_odd;
    z[4 * z_step] = far_even - far_odd;
    z[5 * z_step] = y3;
  }

  HS_INLINE void weight_gradient(const Floats *u, int step, Floats *g, int g_step) {
    const Floats u0 = u[0], u1 = u[step], u2 = u[2 * step];
    const Floats u3 = u[3 * step], u4 = u[4 * step], u5 = u[5 * step];
    const Floats near = (u1 + u2) * (-1.0f / 6.0f), far = (u3 + u4) * (1.0f / 24.0f);
    g[0] = 0.25f * u0 + near + far;
    g[g_step] = (u2 - u1) * (1.0f / 6.0f) + (u3 - u4) * (1.0f / 12.0f);
    g[2 * g_step] = near + 4.0f * far + u5;
  }
};

// ---- Where tiles lie
// ----------------------------------------------------------------------------------------

// A rectangle of tiles of one image.
struct Run {
  int64_t image, row, rows, column, columns; // in tiles

  int64_t tiles() const { return rows * columns; }
};

// Tiles are counted in pieces: rows of tiles of one image, cut into equal parts where they are long. How an
// image is cut depends on its own size only.
template <typename F> struct Tiling {
  static constexpr int64_t kLongest = 24; // tiles of a piece

  int64_t n, h, w, down, across, parts, width;

  explicit Tiling(const hs_winograd &args)
      : n(args.n), h(args.h), w(args.w), down(ceil_div(h, F::kOut)), across(ceil_div(w, F::kOut)),
        parts(ceil_div(across, kLongest)), width(ceil_div(across, parts)) {
    parts = ceil_div(across, width);
  }

  int64_t pieces_of_image() const { return down * parts; }
  int64_t pieces() const { return n * pieces_of_image(); }

  Run piece(int64_t index) const {
    const int64_t row = index / parts, column = index % parts * width;
    return {row / down, row % down, 1, column, smaller(width, across - column)};
  }

  // The first row of pixels that a piece reads, and the row after its last, counted through all images. Where
  // a row is cut these are those of the whole row.
  int64_t top(int64_t piece) const {
    const int64_t row = piece / parts;
    return row / down * h + larger(0, row % down * F::kOut - 1);
  }
  int64_t bottom(int64_t piece) const {
    const int64_t row = piece / parts;
    return row / down * h + smaller(h, (row % down + 1) * F::kOut + 1);
  }

  // Tiles of the pieces begin .. end-1.
  int64_t tiles_between(int64_t begin, int64_t end) const { return tiles_before(end) - tiles_before(begin); }

  int64_t tiles_before(int64_t piece) const { return piece / parts * across + piece % parts * width; }

  // Calls body(run, first tile) for pieces begin .. end-1, neighbours of one image taken together.
  template <typename Body> int64_t for_runs(int64_t begin, int64_t end, Body &&body) const {
    int64_t tiles = 0;
    for (int64_t k = begin; k < end;) {
      Run run = piece(k++);
      while (parts == 1 && k < end && k / down == run.image) {
        run.rows++;
        k++;
      }
      body(run, tiles);
      tiles += run.tiles();
    }
    return tiles;
  }
};

} // namespace

// Floats between the matrices of two points: not a multiple of 4096 bytes, which would put all points of a
// vector into one set of the cache.
static inline int64_t point_stride(int64_t tiles, int64_t channels) { return tiles * channels + 16; }

static inline bool valid_winograd(const hs_winograd *args) {
  return args && args->n >= 0 && args->h >= 1 && args->w >= 1 && args->in0 >= 1 && args->in1 >= 0 &&
         args->out >= 1 && args->in0 % kInputMultiple == 0 && args->in1 % kInputMultiple == 0 &&
         args->out % kOutputMultiple == 0 && (args->tile == 2 || args->tile == 4);
}

static inline bool readable_winograd(const hs_winograd *args) {
  return valid_winograd(args) && args->x0 && (args->x1 || args->in1 == 0) && args->workspace;
}

// Calls body with Two{} or Four{}.
template <typename Body> static inline auto with_tile(int32_t tile, Body &&body) {
  return tile == 2 ? body(Two{}) : body(Four{});
}

#endif
