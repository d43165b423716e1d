// Convolutions of few pixels, as one image at a time has: eight warps of a block share the sum over taps and
// channels, so that the longest chain of products is an eighth of it, and meet in shared memory.
//
// cuDNN gives such a sum to one warp group: at batch 1 its convolutions took 5 to 8 us each on an H200, most
// of it waiting. Operands go from L2 to registers without shared memory: a warp's fragments are 16
// consecutive bytes of channels for each row, since the order in which channels are summed is free as long as
// both operands agree.
#ifndef HS_CASES
#include "mma.cuh"

static constexpr int kTile = 32;     // pixels and outputs of a block
static constexpr int kChannels = 32; // that a warp multiplies at a time
static constexpr int kSharers = 8;   // warps that share a sum
static constexpr int kRow = kTile + 8;

struct FewPixels {
  int64_t pixels;
  int h, w, in, out, side;
  Divider by_image, by_row;
};

struct Operands {
  uint4 x[4], filter[4]; // of rows g, g + 8, g + 16, g + 24: channels 8 t to 8 t + 7
};

// Where a thread's rows are.
struct Rows {
  const Bf16 *x[4], *filter[4]; // at channel 8 t, of the pixel itself and of the first tap
  int y[4], column[4];          // far outside where there is no pixel
};

__device__ inline Operands load_operands(const FewPixels &shape, const Rows &rows, int ky, int kx,
                                         int channel) {
  Operands operands;
  const int reach = shape.side / 2, dy = ky - reach, dx = kx - reach;
  const int64_t moved = (int64_t{dy} * shape.w + dx) * shape.in + channel;
  const int64_t tap = int64_t{ky * shape.side + kx} * shape.in + channel;
#pragma unroll
  for (int r = 0; r < 4; r++) {
    const bool inside = static_cast<unsigned>(rows.y[r] + dy) < static_cast<unsigned>(shape.h) &&
                        static_cast<unsigned>(rows.column[r] + dx) < static_cast<unsigned>(shape.w);
    operands.x[r] = inside ? load_word<uint4>(rows.x[r] + moved) : uint4{0, 0, 0, 0};
    operands.filter[r] = load_word<uint4>(rows.filter[r] + tap);
  }
  return operands;
}

__device__ inline void multiply_operands(const Operands &operands, float (&sums)[2][4][4]) {
#pragma unroll
  for (int m = 0; m < 2; m++) {
    const uint4 &low = operands.x[2 * m], &high = operands.x[2 * m + 1];
    const unsigned first[4] = {low.x, high.x, low.y, high.y}, second[4] = {low.z, high.z, low.w, high.w};
#pragma unroll
    for (int j = 0; j < 4; j++) {
      multiply_add(sums[m][j], first, operands.filter[j].x, operands.filter[j].y);
      multiply_add(sums[m][j], second, operands.filter[j].z, operands.filter[j].w);
    }
  }
}

__global__ void __launch_bounds__(kSharers *kWarp) convolve_few_pixels(hs_convolution args, FewPixels shape) {
  wait_for_earlier();
  float *parts = dynamic_shared<float>(); // [sharers][pixels][row]
  const int warp = static_cast<int>(threadIdx.x) / kWarp, lane = static_cast<int>(threadIdx.x) % kWarp;
  const int g = lane / 4, t = lane % 4;
  const int64_t first = int64_t{blockIdx.x} * kTile;
  const int out = static_cast<int>(blockIdx.y) * kTile;
  const int taps = shape.side * shape.side;
  Rows rows;
#pragma unroll
  for (int r = 0; r < 4; r++) {
    const int64_t p = first + g + 8 * r;
    const unsigned at = static_cast<unsigned>(p < shape.pixels ? p : 0);
    const unsigned within = at - shape.by_image(at) * static_cast<unsigned>(shape.h * shape.w);
    const unsigned y = shape.by_row(within);
    rows.y[r] = p < shape.pixels ? static_cast<int>(y) : -shape.side;
    rows.column[r] = static_cast<int>(within - y * static_cast<unsigned>(shape.w));
    rows.x[r] = static_cast<const Bf16 *>(args.x) + int64_t{at} * shape.in + 8 * t;
    rows.filter[r] =
        static_cast<const Bf16 *>(args.filter) + int64_t{out + g + 8 * r} * taps * shape.in + 8 * t;
  }
  float sums[2][4][4] = {};
  int ky = 0, kx = 0, channel = warp * kChannels;
  const auto settle = [&] { // from channels past the end to those of a later tap
    while (channel >= shape.in) {
      channel -= shape.in;
      if (++kx == shape.side)
        kx = 0, ky++;
    }
    return ky < shape.side;
  };
  bool more = settle();
  Operands now = {};
  if (more)
    now = load_operands(shape, rows, ky, kx, channel);
  while (more) {
    channel += kSharers * kChannels;
    const bool next = settle();
    Operands ahead = {};
    if (next)
      ahead = load_operands(shape, rows, ky, kx, channel);
    multiply_operands(now, sums);
    now = ahead;
    more = next;
  }
#pragma unroll
  for (int m = 0; m < 2; m++)
#pragma unroll
    for (int j = 0; j < 4; j++)
#pragma unroll
      for (int k = 0; k < 4; k++)
        parts[(warp * kTile + 16 * m + g + 8 * (k / 2)) * kRow + 8 * j + 2 * t + k % 2] = sums[m][j][k];
  __syncthreads();

  const int row = static_cast<int>(threadIdx.x) / 8, column = static_cast<int>(threadIdx.x) % 8 * 4;
  if (first + row >= shape.pixels)
    return;
  float sum[4] = {}, term[4];
#pragma unroll
  for (int part = 0; part < kSharers; part++) {
    load(parts + (part * kTile + row) * kRow + column, term);
#pragma unroll
    for (int v = 0; v < 4; v++)
      sum[v] += term[v];
  }
  const int64_t at = (first + row) * shape.out + out + column;
  if (args.bias)
#pragma unroll
    for (int v = 0; v < 4; v++)
      sum[v] += args.bias[out + column + v];
  if (args.residual) {
    load(static_cast<const Bf16 *>(args.residual) + at, term);
#pragma unroll
    for (int v = 0; v < 4; v++)
      sum[v] += term[v];
  }
  store(static_cast<Bf16 *>(args.y) + at, sum);
}

int hs_convolution_forward(hs_stream stream, const struct hs_convolution *args) {
  HS_REQUIRE(args && args->n >= 0 && args->h >= 1 && args->w >= 1 && args->in >= 1 && args->out >= 1 &&
             args->side >= 1 && args->side % 2 == 1 && is_dtype(args->dtype) && args->x && args->filter &&
             args->y);
  const int64_t pixels = args->n * args->h * args->w, blocks = ceil_div(pixels, kTile);
  constexpr int64_t kMaxSide = 1 << 15;
  if (args->dtype != HS_BF16 || args->in % kChannels != 0 || args->out % kTile != 0 || pixels > kMaxIndex ||
      args->h > kMaxSide || args->w > kMaxSide || args->in > kMaxSide || args->out > kMaxSide ||
      args->side > 15 || !aligned(args->x, args->filter, args->residual, args->y))
    return HS_UNSUPPORTED;
  const FewPixels shape = {pixels,
                           static_cast<int>(args->h),
                           static_cast<int>(args->w),
                           static_cast<int>(args->in),
                           static_cast<int>(args->out),
                           args->side,
                           Divider(args->h * args->w),
                           Divider(args->w)};
  constexpr int64_t kShared = int64_t{kSharers} * kTile * kRow * static_cast<int64_t>(sizeof(float));
  return launch_early(convolve_few_pixels,
                      dim3(static_cast<unsigned>(blocks), static_cast<unsigned>(args->out / kTile)),
                      kSharers * kWarp, kShared, stream, *args, shape);
}

#else // ---- What is compared with the CPU's ----------------------------------------------------------------
#include "test/harness.h"

// The GPU's kernel takes bfloat16 and channels in multiples of 32 only.
static void convolution(const Check &check, int64_t n, int64_t h, int64_t w, int64_t in, int64_t out,
                        int32_t side, bool bias, bool residual) {
  check(name_of("convolution", HS_BF16, {n, h, w, in, out, side, bias, residual}), [=](Side &s) {
    struct hs_convolution a = {.n = n, .h = h, .w = w, .in = in, .out = out, .side = side};
    a.dtype = HS_BF16;
    a.x = s.numbers(HS_BF16, n * h * w * in, 1);
    a.filter = s.numbers(HS_BF16, out * side * side * in, 2, 0.1f);
    a.bias = bias ? s.floats(out, 3) : nullptr;
    a.residual = residual ? s.numbers(HS_BF16, n * h * w * out, 4) : nullptr;
    a.y = s.output(HS_BF16, n * h * w * out);
    HS_CALL(s, hs_convolution_forward, a);
    s.read("y", a.y, HS_BF16, n * h * w * out);
  });
}

static const Cases cases([](const Check &check) {
  convolution(check, 2, 7, 7, 64, 32, 3, true, true);
  convolution(check, 1, 8, 5, 288, 64, 3, false, true);
  convolution(check, 3, 4, 3, 32, 96, 1, true, false);
  convolution(check, 1, 9, 33, 96, 32, 5, false, false);
});
#endif
