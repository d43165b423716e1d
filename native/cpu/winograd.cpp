// 3x3 convolutions by Winograd's F(2x2, 3x3) and F(4x4, 3x3). NHWC images, stride 1, padding 1.
//
// Input tiles become a matrix V [tiles, in] for each of 16 or 36 points; its product with that point's
// weights is M [tiles, out]; the M of all points transform back into the output tiles. Small weights stay in
// the cache: then each thread takes blocks of tiles through all three steps, so that V and one panel of M
// stay there as well. Large weights are to be read once: then all threads take all tiles through one step
// after the other. Weights that are kept as taps, a quarter of the numbers for the large tiles, are
// transformed then, a few channels of a panel at a time, into memory that stays in the cache, also from where
// they are stored. Each tile's sums run in the same order in all cases, wherever it lies, so results depend neither on the batch nor
// on the number of threads.
#include "ahead.h"
#include "moments.h"
#include "winograd_input.h"

static constexpr int kRows = HS_VECTOR_BYTES == 64 ? 12 : 6; // of a product held in registers
static constexpr int64_t kBlockBytes = 512 << 10;            // of V in a block
static constexpr int64_t kMinBlock = 12, kMaxBlock = 48;     // tiles
static constexpr int64_t kStagedWeights = 6 << 20;           // bytes of weights from which steps are shared
static constexpr int64_t kRound = 128; // tiles that go through the shared steps together
static constexpr int64_t kTransformedBytes = 512 << 10; // of weights that a thread transforms at a time

// ---- Weights ----------------------------------------------------------------------------------------------

// One input channel and panel of output channels: g [tap][kPanel] to packed, whose points are `stride` apart.
// Streamed: past the caches, since all packed weights together are many times what these hold, and read much
// later.
template <typename F, bool Streamed, typename T>
static void transform_weight(const T *g, float *packed, int64_t stride) {
  for (int j = 0; j < kPanel; j += kLanes) {
    Floats taps[kTaps], half[3 * F::kIn], u[F::kPoints];
    for (int tap = 0; tap < kTaps; tap++)
      taps[tap] = load(g + tap * kPanel + j);
    for (int x = 0; x < 3; x++)
      F::weight(taps + x, 3, half + x, 3);
    for (int y = 0; y < F::kIn; y++)
      F::weight(half + 3 * y, 1, u + F::kIn * y, 1);
    for (int p = 0; p < F::kPoints; p++)
      if constexpr (Streamed)
        stream(packed + p * stride + j, u[p]);
      else
        store(packed + p * stride + j, u[p]);
  }
}

// The taps of one input channel and panel of output channels: to g [tap][kPanel].
template <typename T> static void gather_taps(const hs_weight_pack &args, int64_t panel, int64_t i, T *g) {
  const bool transposed = args.transposed != 0;
  for (int64_t j = 0; j < kPanel; j++) {
    const int64_t o = panel * kPanel + j;
    const float *filter = args.weight + (transposed ? i * args.stride + o : o * args.stride + i) * kTaps;
    for (int tap = 0; tap < kTaps; tap++)
      g[tap * kPanel + j] = from_float<T>(filter[transposed ? kTaps - 1 - tap : tap]);
  }
}

// Packed: [panel][point][in][kPanel].
template <typename F> static void pack(const hs_weight_pack &args) {
  const int64_t in = args.in, items = args.out / kPanel * in;
  float *packed = static_cast<float *>(args.packed);
  const bool aligned = reinterpret_cast<uintptr_t>(packed) % HS_VECTOR_BYTES == 0;
#pragma omp parallel if (F::kPoints * in * args.out >= kParallelElements)
  {
#pragma omp for schedule(static) nowait
    for (int64_t item = 0; item < items; item++) {
      const int64_t panel = item / in, i = item % in;
      alignas(64) float g[kTaps * kPanel];
      gather_taps(args, panel, i, g);
      float *to = packed + (panel * F::kPoints * in + i) * kPanel;
      if (aligned)
        transform_weight<F, true>(g, to, in * kPanel);
      else
        transform_weight<F, false>(g, to, in * kPanel);
    }
    finish_streams();
  }
}

// Packed: [panel][in][tap][kPanel].
template <typename T> static void pack_taps(const hs_weight_pack &args) {
  T *packed = static_cast<T *>(args.packed);
  parallel_items(args.out / kPanel * args.in, kTaps * args.in * args.out, [&, packed](int64_t item) {
    gather_taps(args, item / args.in, item % args.in, packed + item * kTaps * kPanel);
  });
}

// ---- Product ----------------------------------------------------------------------------------------------

namespace {

// Rows `row` floats apart.
template <typename T> struct Matrix {
  T *data;
  int64_t row;
};

} // namespace

// c [M, kPanel] = a [M, k] b [k, kPanel], or that added to what c holds (Add). Sums that go on where they
// were left have the bits of those that were never left.
template <int M, bool Add>
static void product_rows(int64_t k, Matrix<const float> of, const float *b, Matrix<float> to, int64_t first) {
  const float *a = of.data + first * of.row;
  float *c = to.data + first * to.row;
  const int64_t a_row = of.row, c_row = to.row;
  Floats sum[M][2] = {};
  if constexpr (Add) {
#pragma GCC unroll 12
    for (int i = 0; i < M; i++) {
      sum[i][0] = load(c + i * c_row);
      sum[i][1] = load(c + i * c_row + kLanes);
    }
  }
  for (int64_t p = 0; p < k; p++) {
    const Floats b0 = load(b + p * kPanel), b1 = load(b + p * kPanel + kLanes);
#pragma GCC unroll 12
    for (int i = 0; i < M; i++) {
      const Floats left = splat(a[i * a_row + p]);
      sum[i][0] += left * b0;
      sum[i][1] += left * b1;
    }
  }
#pragma GCC unroll 12
  for (int i = 0; i < M; i++) {
    store(c + i * c_row, sum[i][0]);
    store(c + i * c_row + kLanes, sum[i][1]);
  }
}

template <bool Add>
static void product(int64_t rows, int64_t k, Matrix<const float> a, const float *b, Matrix<float> c) {
  int64_t i = 0;
  for (; i + kRows <= rows; i += kRows)
    product_rows<kRows, Add>(k, a, b, c, i);
  if constexpr (kRows > 8)
    for (; i + 8 <= rows; i += 8)
      product_rows<8, Add>(k, a, b, c, i);
  for (; i + 4 <= rows; i += 4)
    product_rows<4, Add>(k, a, b, c, i);
  for (; i + 2 <= rows; i += 2)
    product_rows<2, Add>(k, a, b, c, i);
  for (; i < rows; i++)
    product_rows<1, Add>(k, a, b, c, i);
}

// The channels begin .. begin+count-1 of a panel, transformed to u [point][channel][kPanel].
template <typename F, typename T>
static void transform_taps(const hs_winograd &args, int64_t panel, int64_t begin, int64_t count, float *u,
                           int64_t u_stride) {
  const T *weights = static_cast<const T *>(args.packed);
  if (args.stride == 0) {
    const T *taps = weights + (panel * (args.in0 + args.in1) + begin) * kTaps * kPanel;
    for (int64_t i = 0; i < count; i++)
      transform_weight<F, false>(taps + i * kTaps * kPanel, u + i * kPanel, u_stride);
    return;
  }
  const int64_t row = args.stride * kTaps;
  const T *stored = weights + panel * kPanel * row + begin * kTaps;
  alignas(64) float taps[kLanes * kTaps * kPanel];
  for (int64_t i = 0; i < count; i += kLanes) {
    const int64_t few = smaller(kLanes, count - i);
    stored_panel(stored + i * kTaps, row, kPanel, few * kTaps, taps);
    for (int64_t k = 0; k < few; k++)
      transform_weight<F, false>(taps + k * kTaps * kPanel, u + (i + k) * kPanel, u_stride);
  }
}

// One panel of every point's product, m [point][tile][channel], from weights kept as taps, of which `u` takes
// `most` channels at a time, transformed.
template <typename F, typename T>
static void product_of_taps(const hs_winograd &args, int64_t tiles, const float *v, int64_t v_stride,
                            int64_t panel, float *u, int64_t most, Matrix<float> m, int64_t m_stride) {
  const int64_t in = args.in0 + args.in1, u_stride = point_stride(most, kPanel);
  for (int64_t begin = 0; begin < in; begin += most) {
    const int64_t count = smaller(most, in - begin);
    transform_taps<F, T>(args, panel, begin, count, u, u_stride);
    for (int p = 0; p < F::kPoints; p++) {
      const Matrix<const float> a = {v + p * v_stride + begin, in};
      const Matrix<float> c = {m.data + p * m_stride, m.row};
      const float *b = u + p * u_stride;
      if (begin == 0)
        product<false>(tiles, count, a, b, c);
      else
        product<true>(tiles, count, a, b, c);
    }
  }
}

// ---- Output -----------------------------------------------------------------------------------------------

namespace {

// Where a piece's tiles go: a vector of channels of y and what is added to it.
struct Target {
  float *y;
  const float *residual; // or NULL
  Floats bias;
  int64_t row, pixel; // floats between neighbours

  Target(const hs_winograd &args, int64_t image, int64_t channel)
      : y(args.y), residual(args.residual), bias(args.bias ? load(args.bias + channel) : Floats{}),
        row(args.w * args.out), pixel(args.out) {
    const int64_t at = image * args.h * row + channel;
    y += at;
    if (residual)
      residual += at;
  }
};

} // namespace

// Pixels of a piece that lie inside the image.
template <typename F> static inline float pixels_of(const hs_winograd &args, const Run &piece) {
  return static_cast<float>(smaller(F::kOut, args.h - piece.row * F::kOut) *
                            smaller(piece.columns * F::kOut, args.w - piece.column * F::kOut));
}

// The pixels of one tile, those outside the image dropped.
template <typename F, bool Moments>
HS_INLINE void write_tile(const float *m, int64_t stride, const Target &to, int64_t at, int64_t rows,
                          int64_t columns, bool first, Deviations &deviations) {
  Floats points[F::kPoints], half[F::kOut * F::kIn], pixels[F::kOut * F::kOut];
  for (int p = 0; p < F::kPoints; p++)
    points[p] = load(m + p * stride);
  for (int c = 0; c < F::kIn; c++)
    F::output(points + c, F::kIn, half + c, F::kIn);
  for (int r = 0; r < F::kOut; r++)
    F::output(half + r * F::kIn, 1, pixels + r * F::kOut, 1);
  for (int r = 0; r < F::kOut && r < rows; r++)
    for (int c = 0; c < F::kOut && c < columns; c++) {
      const int64_t pixel = at + r * to.row + c * to.pixel;
      Floats value = pixels[r * F::kOut + c] + to.bias;
      if (to.residual)
        value += load(to.residual + pixel);
      store(to.y + pixel, value);
      if constexpr (Moments) {
        if (r + c == 0 && first)
          Deviations::begin(deviations, value);
        Deviations::add(deviations, value);
      }
    }
}

// One piece and panel of channels: m [point][tile][channel] to y, and its moments to `moments`, [2,out].
template <typename F, bool Moments>
static void write_piece(const hs_winograd &args, const Run &piece, int64_t channel, const float *m,
                        int64_t stride, int64_t m_row, float *moments) {
  for (int64_t j = 0; j < kPanel; j += kLanes) {
    const Target to(args, piece.image, channel + j);
    const int64_t y = piece.row * F::kOut, rows = args.h - y;
    Deviations deviations = {};
    for (int64_t t = 0; t < piece.columns; t++) {
      const int64_t x = (piece.column + t) * F::kOut, columns = args.w - x;
      const float *from = m + t * m_row + j;
      const int64_t at = y * to.row + x * to.pixel;
      if (rows >= F::kOut && columns >= F::kOut)
        write_tile<F, Moments>(from, stride, to, at, F::kOut, F::kOut, t == 0, deviations);
      else
        write_tile<F, Moments>(from, stride, to, at, rows, columns, t == 0, deviations);
    }
    if constexpr (Moments)
      Deviations::finish(deviations, pixels_of<F>(args, piece), moments + channel + j,
                         moments + args.out + channel + j);
  }
}

// ---- The three steps --------------------------------------------------------------------------------------

namespace {

// How the work of one convolution is cut, and what memory it takes, in floats.
template <typename F> struct Schedule {
  Tiling<F> tiling;
  int64_t in, out, threads;
  bool staged;
  int64_t most;                        // pieces of a block or round
  int64_t transformed;                 // channels whose taps are transformed at a time
  int64_t strip, v, m, u, all_moments; // floats

  explicit Schedule(const hs_winograd &args)
      : tiling(args), in(args.in0 + args.in1), out(args.out), threads(omp_get_num_procs()) {
    const int64_t weights = F::kPoints * in * out * static_cast<int64_t>(sizeof(float));
    staged = args.taps || weights >= kStagedWeights;
    const int64_t fitting = kBlockBytes / (F::kPoints * in * static_cast<int64_t>(sizeof(float)));
    const int64_t wanted = staged ? kRound : larger(kMinBlock, smaller(kMaxBlock, fitting));
    most = larger(1, (wanted + tiling.width / 2) / tiling.width);
    most = smaller(most, larger(1, tiling.pieces()));
    const int64_t tiles = most * tiling.width;
    strip = strip_vectors<F>(tiles) * kLanes;
    v = F::kPoints * point_stride(tiles, in);
    m = F::kPoints * point_stride(tiles, staged ? out : kPanel);
    constexpr int64_t kChannel = F::kPoints * kPanel; // floats of transformed weights
    transformed = smaller(in, kTransformedBytes / (kChannel * static_cast<int64_t>(sizeof(float))));
    u = args.taps ? F::kPoints * point_stride(transformed, kPanel) : 0;
    all_moments = tiling.pieces() * 2 * out;
  }

  int64_t floats() const {
    return all_moments + (staged ? v + m + threads * (strip + u) : threads * (strip + v + m));
  }
};

} // namespace

template <typename F, bool Moments>
static void forward_blocks(const hs_winograd &args, const Schedule<F> &s, float *moments, float *memory) {
  const int64_t threads = smaller(omp_get_max_threads(), s.threads), pieces = s.tiling.pieces();
  // Whole rounds of equal blocks.
  const int64_t size = ceil_div(pieces, round_up(ceil_div(pieces, s.most), threads));
  const int64_t blocks = ceil_div(pieces, size);
#pragma omp parallel for schedule(static) num_threads(static_cast<int>(threads)) if (blocks > 1)
  for (int64_t block = 0; block < blocks; block++) {
    float *strip = memory + omp_get_thread_num() * (s.strip + s.v + s.m);
    float *v = strip + s.strip, *m = v + s.v;
    const int64_t begin = block * size, end = smaller(pieces, begin + size);
    const int64_t most = point_stride(size * s.tiling.width, s.in);
    const int64_t m_stride = point_stride(size * s.tiling.width, kPanel);
    const int64_t tiles =
        transform_input<F>(args, s.tiling, begin, end, reinterpret_cast<Floats *>(strip), v, most);
    // What the next block reads.
    const int64_t row = s.tiling.top(end) * args.w;
    const int64_t pixels = end < pieces ? s.tiling.bottom(smaller(pieces, end + size) - 1) * args.w - row : 0;
    const int64_t times = F::kPoints * (s.out / kPanel);
    Ahead next0(args.x0 + row * args.in0, pixels * args.in0 / kLine, kLine, kLine, times);
    Ahead next1(args.x1 ? args.x1 + row * args.in1 : nullptr, pixels * args.in1 / kLine, kLine, kLine, times);
    // What this block writes.
    const int64_t out_row = s.tiling.piece(begin).row;
    for (int64_t channel = 0; channel < s.out; channel += kPanel) {
      const float *panel = static_cast<const float *>(args.packed) + channel * F::kPoints * s.in;
      const int64_t first_pixel = (begin / s.tiling.pieces_of_image() * args.h + out_row * F::kOut) * args.w;
      const int64_t written = s.tiling.bottom(end - 1) * args.w - first_pixel;
      const int64_t at = first_pixel * s.out + channel;
      Ahead y(args.y + at, written, s.out, kPanel, F::kPoints);
      Ahead residual(args.residual ? args.residual + at : nullptr, written, s.out, kPanel, F::kPoints);
      for (int p = 0; p < F::kPoints; p++) {
        next0.fetch<0>();
        next1.fetch<0>();
        y.fetch<1>();
        residual.fetch<0>();
        product<false>(tiles, s.in, {v + p * most, s.in}, panel + p * s.in * kPanel,
                       {m + p * m_stride, kPanel});
      }
      int64_t first = 0;
      for (int64_t k = begin; k < end; k++) {
        const Run piece = s.tiling.piece(k);
        write_piece<F, Moments>(args, piece, channel, m + first * kPanel, m_stride, kPanel,
                                moments + k * 2 * s.out);
        first += piece.columns;
      }
    }
  }
}

template <typename F, bool Moments>
static void forward_stages(const hs_winograd &args, const Schedule<F> &s, float *moments, float *memory) {
  const int threads = static_cast<int>(smaller(omp_get_max_threads(), s.threads));
  const int64_t pieces = s.tiling.pieces(), panels = s.out / kPanel;
  float *v = memory, *m = v + s.v, *strips = m + s.m;
  const int64_t v_stride = point_stride(s.most * s.tiling.width, s.in);
  const int64_t m_stride = point_stride(s.most * s.tiling.width, s.out);
#pragma omp parallel num_threads(threads)
  for (int64_t begin = 0; begin < pieces; begin += s.most) {
    const int64_t count = smaller(s.most, pieces - begin);
    const int64_t tiles = s.tiling.tiles_between(begin, begin + count);
    const auto first = [&](int64_t k) { return s.tiling.tiles_between(begin, begin + k); };
    float *strip = strips + omp_get_thread_num() * (s.strip + s.u), *u = strip + s.strip;
#pragma omp for schedule(static)
    for (int64_t k = 0; k < count; k++)
      transform_input<F>(args, s.tiling, begin + k, begin + k + 1, reinterpret_cast<Floats *>(strip),
                         v + first(k) * s.in, v_stride);
    if (args.taps) {
#pragma omp for schedule(static)
      for (int64_t panel = 0; panel < panels; panel++)
        with_weights(args.dtype, [&]<typename T>(T) {
          product_of_taps<F, T>(args, tiles, v, v_stride, panel, u, s.transformed,
                                {m + panel * kPanel, s.out}, m_stride);
        });
    } else {
      const float *packed = static_cast<const float *>(args.packed);
#pragma omp for schedule(static)
      for (int64_t item = 0; item < F::kPoints * panels; item++) {
        const int64_t p = item / panels, panel = item % panels;
        product<false>(tiles, s.in, {v + p * v_stride, s.in},
                       packed + (panel * F::kPoints + p) * s.in * kPanel,
                       {m + p * m_stride + panel * kPanel, s.out});
      }
    }
#pragma omp for schedule(static)
    for (int64_t item = 0; item < count * panels; item++) {
      const int64_t k = item / panels, channel = item % panels * kPanel;
      write_piece<F, Moments>(args, s.tiling.piece(begin + k), channel, m + first(k) * s.out + channel,
                              m_stride, s.out, moments + (begin + k) * 2 * s.out);
    }
  }
}

template <typename F, bool Moments> static void forward(const hs_winograd &args) {
  const Schedule<F> schedule(args);
  float *moments = args.workspace, *memory = moments + schedule.all_moments;
  if (schedule.staged)
    forward_stages<F, Moments>(args, schedule, moments, memory);
  else
    forward_blocks<F, Moments>(args, schedule, moments, memory);
  if constexpr (Moments)
    merge_moments(args.n, schedule.tiling.pieces_of_image(), args.out, args.out, moments, args.moments,
                  [&](int64_t k) { return pixels_of<F>(args, schedule.tiling.piece(k)); });
}

// ---- Entry points -----------------------------------------------------------------------------------------

HS_KERNEL(hs_winograd_pack)(hs_stream, const struct hs_weight_pack *args) {
  HS_REQUIRE(args && args->weight && args->packed && args->in >= 1 && args->out >= 1 &&
             args->stride >= (args->transposed ? args->out : args->in) && args->out % kOutputMultiple == 0);
  HS_REQUIRE(args->taps ? is_weight_dtype(args->dtype)
                        : args->dtype == HS_F32 && (args->tile == 2 || args->tile == 4));
  if (args->taps)
    with_weights(args->dtype, [&](auto storage) { pack_taps<decltype(storage)>(*args); });
  else
    with_tile(args->tile, [&](auto f) { pack<decltype(f)>(*args); });
  return HS_OK;
}

HS_SIZES(hs_winograd_workspace)(const struct hs_winograd *args, int32_t gradient) {
  if (!valid_winograd(args))
    return 0;
  const int64_t floats =
      gradient ? HS_NAME(winograd_gradient_floats)(*args)
               : with_tile(args->tile, [&](auto f) { return Schedule<decltype(f)>(*args).floats(); });
  return floats * static_cast<int64_t>(sizeof(float));
}

HS_KERNEL(hs_winograd_forward)(hs_stream, const struct hs_winograd *args) {
  HS_REQUIRE(readable_winograd(args) && args->packed && args->y &&
             (args->taps ? is_weight_dtype(args->dtype) : args->dtype == HS_F32) &&
             (args->stride == 0 || (args->taps && args->stride >= args->in0 + args->in1)));
  if (args->n == 0)
    return HS_OK;
  with_tile(args->tile, [&](auto f) {
    if (args->moments)
      forward<decltype(f), true>(*args);
    else
      forward<decltype(f), false>(*args);
  });
  return HS_OK;
}
