// 3x3 convolutions by Winograd's F(4x4, 3x3) (Lavin and Gray: "Fast Algorithms for Convolutional Neural
// Networks", 2015): a quarter of the multiplications of the direct form. NHWC images, stride 1, padding 1.
//
// Output tiles of 4x4 pixels are taken in blocks. A block's input tiles (6x6) become 36 matrices
// [tiles, in]; for each panel of output channels, 36 products with the transformed weights give 36 matrices
// [tiles, panel], which are transformed back while they are in the cache. Each tile's sums run in the same
// order wherever it lies, so results do not depend on the batch or the number of threads.
#include "winograd.h"

static constexpr int64_t kBlockTiles = 24;

// ---- Transforms: one row or column of vectors each --------------------------------------------------------

HS_INLINE void transform_output(const Floats *m, int step, Floats *y, int y_step) {
  const Floats m0 = m[0], m1 = m[step], m2 = m[2 * step];
  const Floats m3 = m[3 * step], m4 = m[4 * step], m5 = m[5 * step];
  const Floats near = m1 + m2, far = m3 + m4;
  const Floats near_odd = m1 - m2, far_odd = m3 - m4;
  y[0] = m0 + near + far;
  y[y_step] = near_odd + 2.0f * far_odd;
  y[2 * y_step] = near + 4.0f * far;
  y[3 * y_step] = near_odd + 8.0f * far_odd + m5;
}

HS_INLINE void transform_weight(const Floats *g, int step, Floats *u, int u_step) {
  const Floats g0 = g[0], g1 = g[step], g2 = g[2 * step];
  const Floats outer = g0 + g2, wide = g0 + 4.0f * g2;
  u[0] = 0.25f * g0;
  u[u_step] = (outer + g1) * (-1.0f / 6.0f);
  u[2 * u_step] = (outer - g1) * (-1.0f / 6.0f);
  u[3 * u_step] = (wide + 2.0f * g1) * (1.0f / 24.0f);
  u[4 * u_step] = (wide - 2.0f * g1) * (1.0f / 24.0f);
  u[5 * u_step] = g2;
}

// ---- Weights ----------------------------------------------------------------------------------------------

// One input channel and panel of output channels: g [tap][kPanel] to packed, whose points are `point_stride`
// apart.
static void pack_panel(const float *g, float *packed, int64_t point_stride) {
  for (int j = 0; j < kPanel; j += kLanes) {
    Floats taps[kTaps], half[3 * kIn], u[kPoints];
    for (int tap = 0; tap < kTaps; tap++)
      taps[tap] = load(g + tap * kPanel + j);
    for (int x = 0; x < 3; x++)
      transform_weight(taps + x, 3, half + x, 3);
    for (int y = 0; y < kIn; y++)
      transform_weight(half + 3 * y, 1, u + kIn * y, 1);
    for (int p = 0; p < kPoints; p++)
      store(packed + p * point_stride + j, u[p]);
  }
}

// Packed: [panel][point][in][kPanel].
HS_KERNEL(hs_winograd_pack)
(hs_stream, const float *weight, int64_t stride, int64_t in, int64_t out, int32_t transposed, float *packed) {
  HS_REQUIRE(weight && packed && in >= 1 && out >= 1 && stride >= (transposed ? out : in) &&
             out % kMultiple == 0);
  parallel_items(out / kPanel * in, kPoints * in * out, [=](int64_t item) {
    const int64_t panel = item / in, i = item % in;
    alignas(64) float g[kTaps * kPanel];
    for (int64_t j = 0; j < kPanel; j++) {
      const int64_t o = panel * kPanel + j;
      const float *filter = weight + (transposed ? i * stride + o : o * stride + i) * kTaps;
      for (int tap = 0; tap < kTaps; tap++)
        g[tap * kPanel + j] = filter[transposed ? kTaps - 1 - tap : tap];
    }
    pack_panel(g, packed + (panel * kPoints * in + i) * kPanel, in * kPanel);
  });
  return HS_OK;
}

// ---- Product ----------------------------------------------------------------------------------------------

// c [M, kPanel] = a [M, k] b [k, kPanel]
template <int M> static inline void product_rows(int64_t k, const float *a, const float *b, float *c) {
  Floats sum[M][2] = {};
  for (int64_t p = 0; p < k; p++) {
    const Floats b0 = load(b + p * kPanel), b1 = load(b + p * kPanel + kLanes);
#pragma GCC unroll 12
    for (int i = 0; i < M; i++) {
      const Floats left = splat(a[i * k + p]);
      sum[i][0] += left * b0;
      sum[i][1] += left * b1;
    }
  }
#pragma GCC unroll 12
  for (int i = 0; i < M; i++) {
    store(c + i * kPanel, sum[i][0]);
    store(c + i * kPanel + kLanes, sum[i][1]);
  }
}

static void product(int64_t rows, int64_t k, const float *a, const float *b, float *c) {
  int64_t i = 0;
  for (; i + kRows <= rows; i += kRows)
    product_rows<kRows>(k, a + i * k, b, c + i * kPanel);
  if constexpr (kRows > 8)
    for (; i + 8 <= rows; i += 8)
      product_rows<8>(k, a + i * k, b, c + i * kPanel);
  for (; i + 4 <= rows; i += 4)
    product_rows<4>(k, a + i * k, b, c + i * kPanel);
  for (; i < rows; i++)
    product_rows<1>(k, a + i * k, b, c + i * kPanel);
}

// ---- Images -----------------------------------------------------------------------------------------------

// y = the 4x4 pixels of one tile and panel, with bias and residual; pixels outside the image are dropped.
static void output_tile(const float *m, int64_t point_stride, const Sizes &s, const Tile &tile,
                        int64_t channel, const float *bias, const float *residual, float *y) {
  for (int64_t j = 0; j < kPanel; j += kLanes) {
    Floats points[kPoints], half[kOut * kIn], pixels[kOut * kOut];
    for (int p = 0; p < kPoints; p++)
      points[p] = load(m + p * point_stride + j);
    for (int c = 0; c < kIn; c++)
      transform_output(points + c, kIn, half + c, kIn);
    for (int r = 0; r < kOut; r++)
      transform_output(half + r * kIn, 1, pixels + r * kOut, 1);
    const Floats offset = bias ? load(bias + channel + j) : Floats{};
    for (int r = 0; r < kOut && tile.y + r < s.h; r++)
      for (int c = 0; c < kOut && tile.x + c < s.w; c++) {
        const int64_t at = ((tile.image * s.h + tile.y + r) * s.w + tile.x + c) * s.out + channel + j;
        Floats value = pixels[r * kOut + c] + offset;
        if (residual)
          value += load(residual + at);
        store(y + at, value);
      }
  }
}

// A thread's memory: the transformed input of a block, and one panel of its products.
static int64_t thread_floats(int64_t in) { return kPoints * kBlockTiles * (in + kPanel); }

static void block(const float *x, const float *packed, const float *bias, const float *residual, float *y,
                  const Sizes &s, int64_t first, int64_t count, float *memory) {
  float *v = memory, *m = memory + kPoints * kBlockTiles * s.in;
  for (int64_t i = 0; i < count; i++)
    input_tile(x, s, Tile(s, first + i), v + i * s.in, kBlockTiles * s.in);
  for (int64_t channel = 0; channel < s.out; channel += kPanel) {
    const float *panel = packed + channel * kPoints * s.in;
    for (int p = 0; p < kPoints; p++)
      product(count, s.in, v + p * kBlockTiles * s.in, panel + p * s.in * kPanel,
              m + p * kBlockTiles * kPanel);
    for (int64_t i = 0; i < count; i++)
      output_tile(m + i * kPanel, kBlockTiles * kPanel, s, Tile(s, first + i), channel, bias, residual, y);
  }
}

// ---- Entry points -----------------------------------------------------------------------------------------

extern "C" int64_t HS_NAME(hs_winograd_workspace)(int64_t in, int64_t out) {
  if (in < 1 || out < 1)
    return 0;
  return thread_floats(in) * omp_get_num_procs() * static_cast<int64_t>(sizeof(float));
}

HS_KERNEL(hs_winograd_forward)
(hs_stream, const float *x, const float *packed, const float *bias, const float *residual, float *y,
 float *workspace, int64_t n, int64_t h, int64_t w, int64_t in, int64_t out) {
  HS_REQUIRE(x && packed && y && workspace && n >= 0 && h >= 1 && w >= 1 && in >= 1 && out >= 1 &&
             out % kMultiple == 0);
  if (n == 0)
    return HS_OK;
  const Sizes s(n, h, w, in, out);
  const int64_t threads = smaller(omp_get_max_threads(), omp_get_num_procs());
  // Whole rounds of equal blocks, in steps of four tiles.
  const int64_t wanted = (s.tiles + kBlockTiles - 1) / kBlockTiles;
  const int64_t rounds = (wanted + threads - 1) / threads * threads;
  const int64_t size = smaller(kBlockTiles, ((s.tiles + rounds - 1) / rounds + 3) / 4 * 4);
  const int64_t blocks = (s.tiles + size - 1) / size;
#pragma omp parallel for schedule(static) num_threads(static_cast<int>(threads)) if (blocks > 1)
  for (int64_t k = 0; k < blocks; k++)
    block(x, packed, bias, residual, y, s, k * size, smaller(size, s.tiles - k * size),
          workspace + omp_get_thread_num() * thread_floats(in));
  return HS_OK;
}
