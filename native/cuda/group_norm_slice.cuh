// How group normalisation is cut where a block owns a slice of channels of one sample, whole groups in all
// rows: no block waits for another, and one launch does what takes two or three where a group is shared.
//
// A row of a slice is read by `lanes` neighbouring threads, V channels each; sums over rows go through
// shuffles within a warp and shared memory between warps, in a fixed order.
#ifndef HALFSTEP_CUDA_GROUP_NORM_SLICE_CUH
#define HALFSTEP_CUDA_GROUP_NORM_SLICE_CUH

#include "group_norm.cuh"

static constexpr int kMaxSliceThreads = 512;

struct SliceShape {
  int64_t hw, c0, c1, c;
  int groups, width;          // width: channels of a group
  int packs0, packs;          // of V channels: in the first source, in both
  int slice;                  // packs of a block
  int lanes, lane_bits;       // threads for a row: the next power of two
  int threads;                // of a block
  bool vectors;               // whether weight, bias and modulation are read 16 bytes at a time
  float per_row, per_channel; // 1 / hw, 1 / width
  Divider by_width;

  // packs: whether arrays are accessed 16 bytes at a time; arrays: how many of them are read
  SliceShape(const hs_group_norm &args, bool packs, int arrays);

  dim3 grid(int64_t n) const {
    return dim3(static_cast<unsigned>(ceil_div(packs, slice)), static_cast<unsigned>(n));
  }
};

// Whether every group of a sample is small enough for one block.
bool fits_slices(const hs_group_norm &args, bool packs);

// The forward pass in one launch.
int normalise_slices(hs_stream stream, const hs_group_norm &args, bool packs);
// Everything of the backward pass but dweight and dbias, whose sums per sample it leaves in sums_of_samples
// [n, 2, c]: of u and u x̂ over the pixels.
int differentiate_slices(hs_stream stream, const hs_group_norm &args, bool packs, float *sums_of_samples);

// The thread's place: V channels of its sample, every `rows`-th row.
template <int V> struct SliceThread {
  int within, first_row, rows; // within: which pack of the slice
  int warp, warps, lane;
  int pack, channel;
  bool works;
  int first_group, groups; // of the slice

  __device__ explicit SliceThread(const SliceShape &shape)
      : within(static_cast<int>(threadIdx.x) & (shape.lanes - 1)),
        first_row(static_cast<int>(threadIdx.x) >> shape.lane_bits),
        rows(static_cast<int>(blockDim.x) >> shape.lane_bits), warp(static_cast<int>(threadIdx.x) / kWarp),
        warps(static_cast<int>(blockDim.x) / kWarp), lane(static_cast<int>(threadIdx.x) % kWarp) {
    const int begin = static_cast<int>(blockIdx.x) * shape.slice;
    pack = begin + within, channel = pack * V;
    works = within < shape.slice && pack < shape.packs;
    first_group = static_cast<int>(shape.by_width(static_cast<unsigned>(begin * V)));
    groups = (shape.packs - begin < shape.slice ? shape.packs - begin : shape.slice) * V / shape.width;
  }

  // The group of channel + v, from the slice's first.
  __device__ int group(const SliceShape &shape, int v) const {
    return static_cast<int>(shape.by_width(static_cast<unsigned>(channel + v))) - first_group;
  }
};

// The sums of each warp over its rows, [warps][2][lanes * V]. Needs a barrier before they are read.
template <int V>
__device__ inline void add_rows_of_warp(const SliceShape &shape, const SliceThread<V> &thread,
                                        float (&own)[2][V], float *sums) {
  const int columns = shape.lanes * V;
  for (int bits = shape.lanes; bits < kWarp; bits *= 2)
#pragma unroll
    for (int k = 0; k < 2; k++)
#pragma unroll
      for (int v = 0; v < V; v++)
        own[k][v] += __shfl_xor_sync(kAllLanes, own[k][v], bits);
  if (thread.lane < shape.lanes)
#pragma unroll
    for (int k = 0; k < 2; k++)
#pragma unroll
      for (int v = 0; v < V; v++)
        sums[(thread.warp * 2 + k) * columns + thread.within * V + v] = own[k][v];
}

// Gain and offset of V channels: y = ((x - mean) rstd) scale + offset.
template <int V> __device__ inline void load_floats(const float *from, bool vectors, float (&to)[V]) {
  if constexpr (V >= 4)
    if (vectors) {
      load(from, to);
      return;
    }
#pragma unroll
  for (int v = 0; v < V; v++)
    to[v] = from[v];
}

template <int V>
__device__ inline void load_affine(const hs_group_norm &args, const SliceShape &shape, int64_t sample,
                                   int channel, float (&scale)[V], float (&offset)[V]) {
  load_floats(args.weight + channel, shape.vectors, scale);
  load_floats(args.bias + channel, shape.vectors, offset);
  if (!args.modulation)
    return;
  const float *modulation = args.modulation + sample * args.modulation_stride + channel;
  float gain[V], moved[V];
  load_floats(modulation, shape.vectors, gain);
  load_floats(modulation + shape.c, shape.vectors, moved);
#pragma unroll
  for (int v = 0; v < V; v++) {
    scale[v] *= 1.0f + gain[v];
    offset[v] = (1.0f + gain[v]) * offset[v] + moved[v];
  }
}

#endif
