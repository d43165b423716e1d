// The weight gradient of a 3x3 convolution by Winograd's F(2x2, 3x3) and F(4x4, 3x3): with the transformed
// input tiles V and the tiles of dy taken through the transpose of the output's transform, Z, the gradient of
// the transformed weights is the sum over tiles of V^T Z, and that of the weight follows by the transpose of
// its transform. The point (1, 1) of Z is the sum over a tile, which gives the bias' gradient.
//
// Tiles are taken in rounds: all threads transform a round's tiles, then each thread adds the products of its
// points. Every sum runs over tiles in order, so results do not depend on the number of threads.
#include "winograd_input.h"

// Tiles of a round: V and Z of 32 channels each are 576 KiB then, which a core's own cache holds.
static constexpr int64_t kRoundTiles = 64;
static constexpr int kStepRows = HS_VECTOR_BYTES == 64 ? 8 : 4; // in divides by it

template <typename F>
static void gradient_piece(const hs_winograd &args, const Run &piece, float *z, int64_t stride) {
  for (int64_t t = 0; t < piece.columns; t++, z += args.out) {
    const int64_t y = piece.row * F::kOut, x = (piece.column + t) * F::kOut;
    const float *tile = args.dy + ((piece.image * args.h + y) * args.w + x) * args.out;
    for (int64_t j = 0; j < args.out; j += kLanes) {
      Floats pixels[F::kOut * F::kOut], half[F::kIn * F::kOut], points[F::kPoints];
      for (int r = 0; r < F::kOut; r++)
        for (int c = 0; c < F::kOut; c++) {
          const bool inside = y + r < args.h && x + c < args.w;
          pixels[r * F::kOut + c] = inside ? load(tile + (r * args.w + c) * args.out + j) : Floats{};
        }
      for (int c = 0; c < F::kOut; c++)
        F::output_gradient(pixels + c, F::kOut, half + c, F::kOut);
      for (int r = 0; r < F::kIn; r++)
        F::output_gradient(half + r * F::kOut, 1, points + r * F::kIn, 1);
      for (int p = 0; p < F::kPoints; p++)
        store(z + p * stride + j, points[p]);
    }
  }
}

// u [in, out] (+)= v [tiles, in]^T z [tiles, out]
static void add_products(int64_t in, int64_t out, int64_t tiles, const float *v, const float *z, float *u,
                         bool add) {
  for (int64_t o = 0; o < out; o += kPanel)
    for (int64_t i = 0; i < in; i += kStepRows) {
      Floats sum[kStepRows][2] = {};
      if (add)
        for (int r = 0; r < kStepRows; r++) {
          sum[r][0] = load(u + (i + r) * out + o);
          sum[r][1] = load(u + (i + r) * out + o + kLanes);
        }
      for (int64_t t = 0; t < tiles; t++) {
        const Floats z0 = load(z + t * out + o), z1 = load(z + t * out + o + kLanes);
#pragma GCC unroll 8
        for (int r = 0; r < kStepRows; r++) {
          const Floats left = splat(v[t * in + i + r]);
          sum[r][0] += left * z0;
          sum[r][1] += left * z1;
        }
      }
      for (int r = 0; r < kStepRows; r++) {
        store(u + (i + r) * out + o, sum[r][0]);
        store(u + (i + r) * out + o + kLanes, sum[r][1]);
      }
    }
}

// sums [out] (+)= the rows of z [tiles, out]
static void add_rows(int64_t out, int64_t tiles, const float *z, float *sums, bool add) {
  for (int64_t o = 0; o < out; o += kLanes) {
    Floats sum = {};
    for (int64_t t = 0; t < tiles; t++)
      sum += load(z + t * out + o);
    store(sums + o, add ? load(sums + o) + sum : sum);
  }
}

// The taps of one input channel and a vector of output channels.
template <typename F>
static void write_taps(const hs_winograd &args, const float *u, int64_t in, int64_t i, int64_t o) {
  Floats points[F::kPoints], half[3 * F::kIn], taps[kTaps];
  for (int p = 0; p < F::kPoints; p++)
    points[p] = load(u + (p * in + i) * args.out + o);
  for (int c = 0; c < F::kIn; c++)
    F::weight_gradient(points + c, F::kIn, half + c, F::kIn);
  for (int r = 0; r < 3; r++)
    F::weight_gradient(half + r * F::kIn, 1, taps + r * 3, 1);
  for (int lane = 0; lane < kLanes; lane++)
    for (int tap = 0; tap < kTaps; tap++)
      args.dweight[((o + lane) * args.stride + i) * kTaps + tap] = taps[tap][lane];
}

namespace {

// Memory in floats: the gradient of the transformed weights, V and Z of a round, each thread's strip.
template <typename F> struct Schedule {
  Tiling<F> tiling;
  int64_t in, out, threads, most, u, v_stride, z_stride, strip;

  explicit Schedule(const hs_winograd &args)
      : tiling(args), in(args.in0 + args.in1), out(args.out), threads(omp_get_num_procs()),
        most(larger(1, kRoundTiles / tiling.width)), u(F::kPoints * in * out),
        v_stride(point_stride(most * tiling.width, in)), z_stride(point_stride(most * tiling.width, out)),
        strip(strip_vectors<F>(tiling.width) * kLanes) {}

  int64_t floats() const { return u + F::kPoints * (v_stride + z_stride) + threads * strip; }
};

} // namespace

template <typename F> static void gradient(const hs_winograd &args) {
  const Schedule<F> s(args);
  const int threads = static_cast<int>(smaller(omp_get_max_threads(), s.threads));
  const int64_t pieces = s.tiling.pieces();
  float *u = args.workspace, *v = u + s.u, *z = v + F::kPoints * s.v_stride;
  float *strips = z + F::kPoints * s.z_stride;
#pragma omp parallel num_threads(threads)
  {
    float *strip = strips + omp_get_thread_num() * s.strip;
    for (int64_t begin = 0; begin < pieces; begin += s.most) {
      const int64_t count = smaller(s.most, pieces - begin);
      const int64_t tiles = s.tiling.tiles_between(begin, begin + count);
#pragma omp for schedule(static)
      for (int64_t k = begin; k < begin + count; k++) {
        const int64_t first = s.tiling.tiles_between(begin, k);
        transform_input<F>(args, s.tiling, k, k + 1, reinterpret_cast<Floats *>(strip), v + first * s.in,
                           s.v_stride);
        gradient_piece<F>(args, s.tiling.piece(k), z + first * s.out, s.z_stride);
      }
#pragma omp for schedule(static)
      for (int64_t p = 0; p < F::kPoints; p++) {
        add_products(s.in, s.out, tiles, v + p * s.v_stride, z + p * s.z_stride, u + p * s.in * s.out,
                     begin > 0);
        if (p == F::kIn + 1 && args.dbias)
          add_rows(s.out, tiles, z + p * s.z_stride, args.dbias, begin > 0);
      }
    }
#pragma omp for schedule(static)
    for (int64_t o = 0; o < s.out; o += kLanes)
      for (int64_t i = 0; i < s.in; i++)
        write_taps<F>(args, u, s.in, i, o);
  }
}

extern "C" int64_t HS_NAME(winograd_gradient_floats)(const hs_winograd &args) {
  return with_tile(args.tile, [&](auto f) { return Schedule<decltype(f)>(args).floats(); });
}

HS_KERNEL(hs_winograd_gradient)(hs_stream, const struct hs_winograd *args) {
  HS_REQUIRE(readable_winograd(args) && args->n >= 1 && args->dy && args->dweight &&
             args->stride >= args->in0 + args->in1);
  with_tile(args->tile, [&](auto f) { gradient<decltype(f)>(*args); });
  return HS_OK;
}
