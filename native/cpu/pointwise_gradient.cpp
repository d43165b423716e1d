// The weight gradient of a 1x1 convolution: dW [out, in] = dy^T [out, pixels] x [pixels, in].
//
// The pixels are cut into slices whose number depends on the sizes alone; each slice's sum runs over its
// pixels in order, and the slices are added in order. So results do not depend on the number of threads,
// which share the slices and, where these are few, the rows of dW. A block of a slice's pixels is copied into
// strips of dy and panels of x, so that every product reads memory in order.
#include "ahead.h"
#include "pointwise.h"

static constexpr int kStrip = HS_VECTOR_BYTES == 64 ? 8 : 4; // rows of dW held in registers
static constexpr int64_t kSlicePixels = 2048;                // at least
static constexpr int64_t kMostSlices = 16;
static constexpr int64_t kSliceFloats = 1 << 20;  // of all slices' sums together
static constexpr int64_t kBlockBytes = 384 << 10; // of dy and x in a block
static constexpr int64_t kFew = 32; // pixels of a product between two requests for the next block
static constexpr int64_t kMinBlock = 32, kMaxBlock = 192;

namespace {

// How the work is cut, and what memory it takes, in floats.
struct Schedule {
  int64_t in, out, pixels, in_width, out_width, slices, slice, block;
  bool direct; // whether sums are formed in dW itself

  explicit Schedule(const hs_pointwise &args)
      : in(args.in0 + args.in1), out(args.out), pixels(args.n * args.hw),
        in_width(round_up(in, kPackedMultiple)), out_width(round_up(out, kStrip)) {
    slices = smaller(kMostSlices, kSliceFloats / (in_width * out_width));
    slices = larger(1, smaller(slices, pixels / kSlicePixels));
    slice = ceil_div(pixels, slices);
    direct = slices == 1 && in == in_width && out == out_width;
    block = kBlockBytes / ((in_width + out_width) * static_cast<int64_t>(sizeof(float)));
    block = larger(1, smaller(slice, larger(kMinBlock, smaller(kMaxBlock, block))));
  }

  int64_t panel_floats() const { return block * kPanel + kPad; }
  int64_t strip_floats() const { return block * kStrip + kPad; }
  int64_t block_floats() const {
    return in_width / kPanel * panel_floats() + out_width / kStrip * strip_floats();
  }
  int64_t sum_floats() const { return in_width * out_width + out_width; } // dW and the bias' gradient
  int64_t floats() const { return slices * sum_floats() + omp_get_num_procs() * block_floats(); }
};

} // namespace

// Pixels of x to panels [panel][pixel][kPanel], normalised.
static void copy_panels(const hs_pointwise &args, const Schedule &s, int64_t first, int64_t count,
                        float *panels) {
  with_norm(args, [&]<bool Norm, bool Silu>() {
    for (int64_t r = 0; r < count; r++)
      read_pixel<Norm, Silu>(args, first + r, [&]<bool Tail>(int64_t j, Floats value, int lanes) {
        // A vector of the second source may begin anywhere.
        const int64_t panel = j / kPanel, column = j % kPanel;
        float *to = panels + panel * s.panel_floats() + r * kPanel + column;
        if (!Tail && column <= kPanel - kLanes) {
          store(to, value);
          return;
        }
        for (int lane = 0; lane < lanes; lane++) {
          const int64_t at = j + lane;
          panels[at / kPanel * s.panel_floats() + r * kPanel + at % kPanel] = value[lane];
        }
      });
  });
}

// Pixels of the channels of dy begin .. end-1 to strips [strip][pixel][kStrip], and their sums to `sums`.
static void copy_strips(const hs_pointwise &args, const Schedule &s, int64_t first, int64_t count,
                        int64_t begin, int64_t end, float *strips, float *sums, bool add) {
  for (int64_t o = begin; o < end; o += kStrip) {
    float *to = strips + o / kStrip * s.strip_floats();
    const float *from = args.dy + first * s.out + o;
    const int64_t width = smaller(kStrip, s.out - o);
    float sum[kStrip] = {};
    if (width == kStrip)
      for (int64_t r = 0; r < count; r++, from += s.out, to += kStrip)
        for (int i = 0; i < kStrip; i++) {
          to[i] = from[i];
          sum[i] += from[i];
        }
    else
      for (int64_t r = 0; r < count; r++, from += s.out, to += kStrip)
        for (int i = 0; i < kStrip; i++) {
          to[i] = i < width ? from[i] : 0.0f;
          sum[i] += to[i];
        }
    for (int i = 0; i < kStrip; i++)
      sums[o + i] = add ? sums[o + i] + sum[i] : sum[i];
  }
}

// c [kStrip, kPanel] (+)= strip [count, kStrip]^T panel [count, kPanel]; `between` runs after every few
// pixels.
template <typename Between>
static void add_product(int64_t count, const float *strip, const float *panel, float *c, int64_t c_row,
                        bool add, Between &&between) {
  Floats sum[kStrip][2] = {};
  if (add)
#pragma GCC unroll 8
    for (int i = 0; i < kStrip; i++) {
      sum[i][0] = load(c + i * c_row);
      sum[i][1] = load(c + i * c_row + kLanes);
    }
  for (int64_t begin = 0; begin < count; begin += kFew) {
    const int64_t end = smaller(count, begin + kFew);
    for (int64_t p = begin; p < end; p++) {
      const Floats x0 = load(panel + p * kPanel), x1 = load(panel + p * kPanel + kLanes);
#pragma GCC unroll 8
      for (int i = 0; i < kStrip; i++) {
        const Floats left = splat(strip[p * kStrip + i]);
        sum[i][0] += left * x0;
        sum[i][1] += left * x1;
      }
    }
    between();
  }
#pragma GCC unroll 8
  for (int i = 0; i < kStrip; i++) {
    store(c + i * c_row, sum[i][0]);
    store(c + i * c_row + kLanes, sum[i][1]);
  }
}

// The sums over one slice of the rows of dW begin .. end-1: [panel][strip][kStrip][kPanel].
static void sum_slice(const hs_pointwise &args, const Schedule &s, int64_t slice, int64_t begin, int64_t end,
                      float *memory, float *sums) {
  float *panels = memory, *strips = panels + s.in_width / kPanel * s.panel_floats();
  const int64_t last = smaller(s.pixels, (slice + 1) * s.slice);
  for (int64_t first = slice * s.slice; first < last; first += s.block) {
    const int64_t count = smaller(s.block, last - first);
    const bool add = first > slice * s.slice;
    copy_panels(args, s, first, count, panels);
    copy_strips(args, s, first, count, begin, end, strips, sums + s.in_width * s.out_width, add);
    const int64_t next = first + count, pixels = smaller(s.block, last - next);
    const int64_t times = s.in_width / kPanel * ((end - begin) / kStrip) * ceil_div(count, kFew);
    Ahead x0(args.x0 + next * args.in0, pixels * args.in0 / kLine, kLine, kLine, times);
    Ahead x1(args.x1 ? args.x1 + next * args.in1 : nullptr, pixels * args.in1 / kLine, kLine, kLine, times);
    Ahead dy(args.dy + next * s.out + begin, pixels, s.out, smaller(end, s.out) - begin, times);
    for (int64_t panel = 0; panel < s.in_width / kPanel; panel++)
      for (int64_t o = begin; o < end; o += kStrip) {
        float *c = s.direct ? args.dweight + o * args.stride + panel * kPanel
                            : sums + (panel * s.out_width + o) * kPanel;
        add_product(count, strips + o / kStrip * s.strip_floats(), panels + panel * s.panel_floats(), c,
                    s.direct ? args.stride : kPanel, add, [&] {
                      x0.fetch<0>();
                      x1.fetch<0>();
                      dy.fetch<0>();
                    });
      }
  }
}

static void gradient(const hs_pointwise &args) {
  const Schedule s(args);
  float *sums = args.workspace, *memory = sums + s.slices * s.sum_floats();
  const bool parallel = s.pixels * s.in * s.out >= kParallelElements * 16;
  const int64_t threads = parallel ? smaller(omp_get_max_threads(), omp_get_num_procs()) : 1;
  const int64_t strips = s.out_width / kStrip;
  const int64_t groups = s.slices % threads == 0 ? 1 : smaller(strips, threads);
#pragma omp parallel num_threads(static_cast <int>(threads)) if (threads > 1)
  {
    float *own = memory + omp_get_thread_num() * s.block_floats();
    // Columns that x has not are never written again.
    for (int64_t k = 0; k < s.in_width / kPanel * s.panel_floats() && s.in < s.in_width; k++)
      own[k] = 0.0f;
#pragma omp for schedule(static)
    for (int64_t item = 0; item < s.slices * groups; item++) {
      const int64_t slice = item % s.slices, group = item / s.slices;
      sum_slice(args, s, slice, group * strips / groups * kStrip, (group + 1) * strips / groups * kStrip, own,
                sums + slice * s.sum_floats());
    }
#pragma omp for schedule(static)
    for (int64_t o = 0; o < s.out; o++) {
      for (int64_t j = 0; j < s.in && !s.direct; j += kLanes) {
        const float *from = sums + (j / kPanel * s.out_width + o) * kPanel + j % kPanel;
        Floats sum = load(from);
        for (int64_t k = 1; k < s.slices; k++)
          sum += load(from + k * s.sum_floats());
        float *to = args.dweight + o * args.stride + j;
        if (j + kLanes <= s.in)
          store(to, sum);
        else
          store_first(to, sum, static_cast<int>(s.in - j));
      }
      if (args.dbias) {
        const float *from = sums + s.in_width * s.out_width + o;
        float sum = from[0];
        for (int64_t k = 1; k < s.slices; k++)
          sum += from[k * s.sum_floats()];
        args.dbias[o] = sum;
      }
    }
  }
}

extern "C" int64_t HS_NAME(pointwise_gradient_floats)(const hs_pointwise &args) {
  return Schedule(args).floats();
}

HS_KERNEL(hs_pointwise_gradient)(hs_stream, const struct hs_pointwise *args) {
  HS_REQUIRE(readable_pointwise(args) && args->n >= 1 && args->dy && args->dweight &&
             args->stride >= args->in0 + args->in1);
  gradient(*args);
  return HS_OK;
}
