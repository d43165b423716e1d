// The weight gradient of a 3x3 convolution by Winograd's F(4x4, 3x3): with the transformed input tiles V and
// the tiles of dy taken through the transpose of the output's transform, Z, the gradient of the 36 transformed
// weights is the sum over tiles of V^T Z, and that of the weight follows by the transpose of its transform.
//
// Tiles are taken in rounds: all threads transform a round's tiles, then each thread adds the products of its
// points. Every sum runs over tiles in order, so results do not depend on the number of threads.
#include "winograd.h"

static constexpr int64_t kRoundTiles = 128;
static constexpr int kStepRows = HS_VECTOR_BYTES == 64 ? 8 : 4; // in divides by it

// A y for one row or column of four vectors.
HS_INLINE void transform_gradient(const Floats *y, int step, Floats *z, int z_step) {
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

// G^T u for one row or column of six vectors.
HS_INLINE void transform_back(const Floats *u, int step, Floats *g, int g_step) {
  const Floats u0 = u[0], u1 = u[step], u2 = u[2 * step];
  const Floats u3 = u[3 * step], u4 = u[4 * step], u5 = u[5 * step];
  const Floats near = (u1 + u2) * (-1.0f / 6.0f), far = (u3 + u4) * (1.0f / 24.0f);
  g[0] = 0.25f * u0 + near + far;
  g[g_step] = (u2 - u1) * (1.0f / 6.0f) + (u3 - u4) * (1.0f / 12.0f);
  g[2 * g_step] = near + 4.0f * far + u5;
}

static void gradient_tile(const float *dy, const Sizes &s, const Tile &tile, float *z, int64_t point_stride) {
  for (int64_t j = 0; j < s.out; j += kLanes) {
    Floats pixels[kOut * kOut], half[kIn * kOut], points[kPoints];
    for (int r = 0; r < kOut; r++)
      for (int c = 0; c < kOut; c++) {
        const bool inside = tile.y + r < s.h && tile.x + c < s.w;
        const float *from = dy + ((tile.image * s.h + tile.y + r) * s.w + tile.x + c) * s.out + j;
        pixels[r * kOut + c] = inside ? load(from) : Floats{};
      }
    for (int c = 0; c < kOut; c++)
      transform_gradient(pixels + c, kOut, half + c, kOut);
    for (int r = 0; r < kIn; r++)
      transform_gradient(half + r * kOut, 1, points + r * kIn, 1);
    for (int p = 0; p < kPoints; p++)
      store(z + p * point_stride + j, points[p]);
  }
}

// u [in, out] (+)= v [tiles, in]^T z [tiles, out]
static void add_products(const Sizes &s, int64_t tiles, const float *v, const float *z, float *u, bool add) {
  for (int64_t o = 0; o < s.out; o += kPanel)
    for (int64_t i = 0; i < s.in; i += kStepRows) {
      Floats sum[kStepRows][2] = {};
      if (add)
        for (int r = 0; r < kStepRows; r++) {
          sum[r][0] = load(u + (i + r) * s.out + o);
          sum[r][1] = load(u + (i + r) * s.out + o + kLanes);
        }
      for (int64_t t = 0; t < tiles; t++) {
        const Floats z0 = load(z + t * s.out + o), z1 = load(z + t * s.out + o + kLanes);
#pragma GCC unroll 8
        for (int r = 0; r < kStepRows; r++) {
          const Floats left = splat(v[t * s.in + i + r]);
          sum[r][0] += left * z0;
          sum[r][1] += left * z1;
        }
      }
      for (int r = 0; r < kStepRows; r++) {
        store(u + (i + r) * s.out + o, sum[r][0]);
        store(u + (i + r) * s.out + o + kLanes, sum[r][1]);
      }
    }
}

// The taps of one input channel and a vector of output channels.
static void write_taps(const float *u, const Sizes &s, int64_t i, int64_t o, float *dweight, int64_t stride) {
  Floats points[kPoints], half[3 * kIn], taps[kTaps];
  for (int p = 0; p < kPoints; p++)
    points[p] = load(u + (p * s.in + i) * s.out + o);
  for (int c = 0; c < kIn; c++)
    transform_back(points + c, kIn, half + c, kIn);
  for (int r = 0; r < 3; r++)
    transform_back(half + r * kIn, 1, taps + r * 3, 1);
  for (int lane = 0; lane < kLanes; lane++)
    for (int tap = 0; tap < kTaps; tap++)
      dweight[((o + lane) * stride + i) * kTaps + tap] = taps[tap][lane];
}

extern "C" int64_t HS_NAME(hs_winograd_gradient_workspace)(int64_t in, int64_t out) {
  if (in < 1 || out < 1)
    return 0;
  return kPoints * (kRoundTiles * (in + out) + in * out) * static_cast<int64_t>(sizeof(float));
}

HS_KERNEL(hs_winograd_gradient)
(hs_stream, const float *x, const float *dy, float *dweight, int64_t stride, float *workspace, int64_t n,
 int64_t h, int64_t w, int64_t in, int64_t out) {
  HS_REQUIRE(x && dy && dweight && workspace && n >= 1 && h >= 1 && w >= 1 && in >= 1 && out >= 1 &&
             stride >= in && in % kMultiple == 0 && out % kMultiple == 0);
  const Sizes s(n, h, w, in, out);
  float *u = workspace, *v = u + kPoints * in * out, *z = v + kPoints * kRoundTiles * in;
  for (int64_t first = 0; first < s.tiles; first += kRoundTiles) {
    const int64_t tiles = smaller(kRoundTiles, s.tiles - first);
    parallel_items(tiles, tiles * kPoints * (in + out), [=, &s](int64_t t) {
      const Tile tile(s, first + t);
      input_tile(x, s, tile, v + t * in, kRoundTiles * in);
      gradient_tile(dy, s, tile, z + t * out, kRoundTiles * out);
    });
    parallel_items(kPoints, tiles * kPoints * in * out, [=, &s](int64_t p) {
      add_products(s, tiles, v + p * kRoundTiles * in, z + p * kRoundTiles * out, u + p * in * out,
                   first > 0);
    });
  }
  parallel_items(out / kLanes, kPoints * in * out, [=, &s](int64_t panel) {
    for (int64_t i = 0; i < in; i++)
      write_taps(u, s, i, panel * kLanes, dweight, stride);
  });
  return HS_OK;
}
