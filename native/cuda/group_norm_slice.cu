// Group normalisation's forward pass in one launch. A block reads its slice twice, the second time from its
// L1 cache or from L2, and no statistics travel.
//
// On an H200 the two launches of group_norm.cu took 12 us for what is 2 us of memory: at batch 1 both are
// latency, at batch 64 the second reads x from memory again.
#include "group_norm_slice.cuh"

#include <stdlib.h>
#include <string.h>

static constexpr int64_t kMaxSliceBytes = int64_t{512} << 10; // of the narrowest slice of one array
static constexpr int64_t kMaxLoneBytes = int64_t{96}
                                         << 10; // the same, where blocks are few: they wait longer
static constexpr int64_t kLineBytes = 128;      // of a row that a block reads, at most
static constexpr int64_t kEnoughBlocks = 192;   // to keep a large GPU busy
static constexpr int kRowsOfThread = 4;         // that a thread reads at least, where there are

static int64_t next_power(int64_t value) {
  int64_t power = 1;
  while (power < value)
    power *= 2;
  return power;
}

static int64_t bytes_of(int32_t dtype) { return 16 / elements_of_16_bytes(dtype); }

// Packs of the narrowest slice: the fewest channels that are whole groups and whole accesses.
static int64_t narrowest(const hs_group_norm &args, int64_t elements) {
  const int64_t width = (args.c0 + args.c1) / args.groups;
  int64_t channels = width;
  while (channels % elements != 0)
    channels += width;
  return channels / elements;
}

SliceShape::SliceShape(const hs_group_norm &args, bool packs_fit, int arrays)
    : hw(args.hw), c0(args.c0), c1(args.c1), c(args.c0 + args.c1), groups(args.groups),
      width(static_cast<int>(c / args.groups)), lane_bits(0), by_width(width) {
  const int64_t elements = packs_fit ? elements_of_16_bytes(args.dtype) : 1;
  packs0 = static_cast<int>(c0 / elements), packs = static_cast<int>(c / elements);
  // Wider slices read longer pieces of memory, as long as there are blocks enough.
  int64_t wide = narrowest(args, elements);
  while (packs % (2 * wide) == 0 && 2 * wide * elements * bytes_of(args.dtype) <= kLineBytes &&
         args.n * (packs / (2 * wide)) >= kEnoughBlocks)
    wide *= 2;
  slice = static_cast<int>(wide), lanes = static_cast<int>(next_power(wide));
  while ((1 << lane_bits) < lanes)
    lane_bits++;
  const int64_t rows = next_power(ceil_div(hw, kRowsOfThread / arrays));
  threads = static_cast<int>(larger(kWarp, smaller(kMaxSliceThreads, rows * lanes)));
  vectors = c % 4 == 0 && aligned(args.weight, args.bias, args.modulation) && args.modulation_stride % 4 == 0;
  per_row = 1.0f / static_cast<float>(hw), per_channel = 1.0f / static_cast<float>(width);
}

bool fits_slices(const hs_group_norm &args, bool packs) {
  static const char *const chosen = getenv("HALFSTEP_CUDA_NORM"); // "chunks" for the other way, to compare
  if (chosen && strcmp(chosen, "chunks") == 0)
    return false;
  const int64_t elements = packs ? elements_of_16_bytes(args.dtype) : 1, base = narrowest(args, elements);
  const int64_t bytes = base * elements * args.hw * bytes_of(args.dtype);
  const int64_t blocks = args.n * ((args.c0 + args.c1) / (base * elements));
  return base <= kWarp && bytes <= (blocks < kEnoughBlocks ? kMaxLoneBytes : kMaxSliceBytes);
}

// Moments of each channel are taken about its value in the first row; a warp then merges those of a group.
template <typename T, int V, bool Silu>
__global__ void __launch_bounds__(kMaxSliceThreads, 2) normalise_slice(hs_group_norm args, SliceShape shape) {
  wait_for_earlier();
  const SliceThread<V> thread(shape);
  const int columns = shape.lanes * V;
  float *sums = dynamic_shared<float>(), *firsts = sums + 2 * thread.warps * columns;
  float *statistics = firsts + columns; // [groups of the slice][2]
  const int64_t sample = blockIdx.y;
  const NormSource<T> source(args, shape, sample, thread.pack, V);
  const int64_t stride = source.row;
  const T *__restrict__ x = source.x;
  float scale[V], offset[V], own[2][V] = {};
  if (thread.works) {
    float first[V];
    load(x, first);
#pragma unroll 4
    for (int64_t r = thread.first_row; r < shape.hw; r += thread.rows) {
      float value[V];
      load(x + r * stride, value);
#pragma unroll
      for (int v = 0; v < V; v++) {
        const float centred = value[v] - first[v];
        own[0][v] += centred;
        own[1][v] += centred * centred;
      }
    }
    if (thread.first_row == 0)
#pragma unroll
      for (int v = 0; v < V; v++)
        firsts[thread.within * V + v] = first[v];
    load_affine(args, shape, sample, thread.channel, scale, offset); // arrives during the sums
  }
  add_rows_of_warp<V>(shape, thread, own, sums);
  __syncthreads();

  for (int g = thread.warp; g < thread.groups; g += thread.warps) {
    const int group = g * shape.width;
    // A channel's mean less the group's first value, and its squares about its mean.
    const auto moments = [&](int j, float &squares) {
      float moment[2] = {0.0f, 0.0f};
      for (int w = 0; w < thread.warps; w++)
#pragma unroll
        for (int k = 0; k < 2; k++)
          moment[k] += sums[(w * 2 + k) * columns + group + j];
      const float moved = moment[0] * shape.per_row;
      squares = moment[1] - moment[0] * moved;
      return firsts[group + j] - firsts[group] + moved;
    };
    float sum = 0.0f, within_channels = 0.0f, between = 0.0f, squares;
    for (int j = thread.lane; j < shape.width; j += kWarp) {
      sum += moments(j, squares);
      within_channels += squares;
    }
    const float moved = warp_sum(sum) * shape.per_channel;
    for (int j = thread.lane; j < shape.width; j += kWarp) {
      const float centred = moments(j, squares) - moved;
      between += centred * centred;
    }
    const float variance = warp_sum(within_channels * shape.per_row + between) * shape.per_channel;
    if (thread.lane == 0) {
      const float mean = firsts[group] + moved;
      const float rstd =
          1.0f / sqrtf((variance < 0.0f ? 0.0f : variance) + args.eps); // max() would drop a NaN
      statistics[2 * g] = mean;
      statistics[2 * g + 1] = rstd;
      float *kept = args.stats + (sample * shape.groups + thread.first_group + g) * 2;
      kept[0] = mean;
      kept[1] = rstd;
    }
  }
  __syncthreads();

  if (!thread.works)
    return;
  float mean[V];
#pragma unroll
  for (int v = 0; v < V; v++) {
    const float *of = statistics + 2 * thread.group(shape, v);
    mean[v] = of[0];
    scale[v] *= of[1];
  }
  T *__restrict__ y = static_cast<T *>(args.y) + sample * shape.hw * shape.c + thread.channel;
#pragma unroll 4
  for (int64_t r = thread.first_row; r < shape.hw; r += thread.rows) {
    float value[V];
    load(x + r * stride, value);
#pragma unroll
    for (int v = 0; v < V; v++) {
      value[v] = (value[v] - mean[v]) * scale[v] + offset[v];
      if constexpr (Silu)
        value[v] = silu<T>(value[v]);
    }
    store(y + r * shape.c, value);
  }
}

int normalise_slices(hs_stream stream, const hs_group_norm &args, bool packs) {
  return with_pack(args.dtype, packs, [&](auto storage, auto width) {
    using T = decltype(storage);
    constexpr int V = decltype(width)::value;
    const SliceShape shape(args, packs, 1);
    const int64_t columns = int64_t{shape.lanes} * V;
    const int64_t floats = (2 * (shape.threads / kWarp) + 1) * columns + 2 * ceil_div(columns, shape.width);
    return launch_early(args.silu ? normalise_slice<T, V, true> : normalise_slice<T, V, false>,
                        shape.grid(args.n), shape.threads, floats * static_cast<int64_t>(sizeof(float)),
                        stream, args, shape);
  });
}
