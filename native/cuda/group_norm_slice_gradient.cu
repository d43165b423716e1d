// The backward pass of group normalisation where a block owns a slice of channels of one sample (see
// group_norm_gradient.cu for the formulas): one launch for dx, the sums for the parameters and the gradient
// of the modulation, in place of three. x and dy are read twice, the second time from the caches.
#include "group_norm_gradient.cuh"
#include "group_norm_slice.cuh"

// sums [n, 2, c]: of u and u x̂ over the pixels.
template <typename T, int V, bool Silu>
__global__ void __launch_bounds__(kMaxSliceThreads)
    slice_gradient(hs_group_norm args, SliceShape shape, float *sums_of_samples) {
  const SliceThread<V> thread(shape);
  const int columns = shape.lanes * V;
  float *sums = dynamic_shared<float>();               // [warps][2][columns]
  float *weighted = sums + 2 * thread.warps * columns; // [2][columns]: gain weight u, gain weight u x̂
  float *coefficients = weighted + 2 * columns;        // [groups of the slice][2]: B and C
  const int64_t sample = blockIdx.y;
  const float *statistics = args.stats + (sample * shape.groups + thread.first_group) * 2;
  const NormSource<T> source(args, shape, sample, thread.pack, V);
  const int64_t stride = source.row;
  const T *__restrict__ x = source.x;
  const T *__restrict__ upstream =
      static_cast<const T *>(args.dy) + sample * shape.hw * shape.c + thread.channel;
  float mean[V], scale[V], offset[V], own[2][V] = {};
  if (thread.works) {
    load_affine(args, shape, sample, thread.channel, scale, offset);
#pragma unroll
    for (int v = 0; v < V; v++) {
      const float *of = statistics + 2 * thread.group(shape, v);
      mean[v] = of[0];
      scale[v] *= of[1];
    }
#pragma unroll 2
    for (int64_t r = thread.first_row; r < shape.hw; r += thread.rows) {
      float value[V], dy[V];
      load(x + r * stride, value);
      load(upstream + r * shape.c, dy);
#pragma unroll
      for (int v = 0; v < V; v++) {
        const float centred = value[v] - mean[v];
        const float u = before_silu<T, Silu>(dy[v], centred * scale[v] + offset[v]);
        own[0][v] += u;
        own[1][v] += u * centred;
      }
    }
  }
  add_rows_of_warp<V>(shape, thread, own, sums);
  __syncthreads();

  const int first_channel = thread.first_group * shape.width;
  for (int j = static_cast<int>(threadIdx.x); j < thread.groups * shape.width;
       j += static_cast<int>(blockDim.x)) {
    float sum = 0.0f, product = 0.0f;
    for (int w = 0; w < thread.warps; w++) {
      sum += sums[w * 2 * columns + j];
      product += sums[(w * 2 + 1) * columns + j];
    }
    product *= statistics[2 * shape.by_width(static_cast<unsigned>(j)) + 1];
    const int channel = first_channel + j;
    const float weight = args.weight[channel];
    const float gain =
        (args.modulation ? 1.0f + args.modulation[sample * args.modulation_stride + channel] : 1.0f) * weight;
    weighted[j] = gain * sum;
    weighted[columns + j] = gain * product;
    float *of_sample = sums_of_samples + sample * 2 * shape.c + channel;
    of_sample[0] = sum;
    of_sample[shape.c] = product;
    if (args.dmodulation) {
      float *dmodulation = args.dmodulation + sample * args.dmodulation_stride + channel;
      dmodulation[0] = weight * product + args.bias[channel] * sum;
      dmodulation[shape.c] = sum;
    }
  }
  __syncthreads();
  for (int g = thread.warp; g < thread.groups; g += thread.warps) {
    float total = 0.0f, correlated = 0.0f;
    for (int j = g * shape.width + thread.lane; j < (g + 1) * shape.width; j += kWarp) {
      total += weighted[j];
      correlated += weighted[columns + j];
    }
    total = warp_sum(total), correlated = warp_sum(correlated);
    if (thread.lane == 0) {
      const float rstd = statistics[2 * g + 1], share = shape.per_row * shape.per_channel;
      coefficients[2 * g] = -rstd * total * share;
      coefficients[2 * g + 1] = -rstd * rstd * correlated * share;
    }
  }
  __syncthreads();

  if (!thread.works)
    return;
  T *__restrict__ dx = static_cast<T *>(source.second ? args.dx1 : args.dx0) + source.offset;
  const bool accumulate = (source.second ? args.accumulate1 : args.accumulate0) != 0;
  float constant[V], slope[V];
#pragma unroll
  for (int v = 0; v < V; v++) {
    const float *of = coefficients + 2 * thread.group(shape, v);
    constant[v] = of[0];
    slope[v] = of[1];
  }
#pragma unroll 2
  for (int64_t r = thread.first_row; r < shape.hw; r += thread.rows) {
    float value[V], dy[V];
    load(x + r * stride, value);
    load(upstream + r * shape.c, dy);
#pragma unroll
    for (int v = 0; v < V; v++) {
      const float centred = value[v] - mean[v];
      const float u = before_silu<T, Silu>(dy[v], centred * scale[v] + offset[v]);
      value[v] = scale[v] * u + (constant[v] + slope[v] * centred);
    }
    if (accumulate) {
      float before[V];
      load(dx + r * stride, before);
#pragma unroll
      for (int v = 0; v < V; v++)
        value[v] += before[v];
    }
    store(dx + r * stride, value);
  }
}

int differentiate_slices(hs_stream stream, const hs_group_norm &args, bool packs, float *sums_of_samples) {
  return with_pack(args.dtype, packs, [&](auto storage, auto width) {
    using T = decltype(storage);
    constexpr int V = decltype(width)::value;
    const SliceShape shape(args, packs, 2);
    const int64_t columns = int64_t{shape.lanes} * V;
    const int64_t floats = (2 * (shape.threads / kWarp) + 2) * columns + 2 * ceil_div(columns, shape.width);
    return launch(args.silu ? slice_gradient<T, V, true> : slice_gradient<T, V, false>, shape.grid(args.n),
                  shape.threads, floats * static_cast<int64_t>(sizeof(float)), stream, args, shape,
                  sums_of_samples);
  });
}
