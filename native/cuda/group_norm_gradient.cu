// The backward pass of group normalisation. With u the gradient before SiLU, gain = 1 + scale, and sums over
// a group's pixels and channels, dx = a u + B + C (x - mean), where B = -rstd sum(gain weight u) / count and
// C = -rstd^2 sum(gain weight u x̂) / count, x̂ = (x - mean) rstd.
//
// Four launches: sums of u and u (x - mean) per chunk and channel; their merge per sample; dx; the
// parameters' gradients. x and dy are read twice: to keep u between the passes would cost a write and a read
// in place of them. Where a group is small enough for one block, one launch does the first three
// (group_norm_slice_gradient.cu).
#include "group_norm_gradient.cuh"
#include "group_norm_slice.cuh"

// Parts of the workspace.
struct NormWorkspace {
  float *parts;        // [n, chunks, 2, c]: sums of u and of u (x - mean)
  float *sums;         // [n, 2, c]: of u and of u x̂
  float *coefficients; // [n, groups, 2]: B and C

  __host__ __device__ NormWorkspace(const hs_group_norm &args, const NormShape &shape)
      : parts(args.workspace), sums(parts + shape.n * shape.chunks * 2 * shape.c),
        coefficients(sums + shape.n * 2 * shape.c) {}
};

template <typename T, int V, bool Silu>
__global__ void chunk_gradient_sums(hs_group_norm args, NormShape shape) {
  float *scratch = dynamic_shared<float>();
  const NormThread thread(shape);
  const int64_t sample = blockIdx.y, chunk = blockIdx.x;
  const int64_t begin = chunk * shape.rows, end = smaller(shape.hw, begin + shape.rows);
  float *parts = NormWorkspace(args, shape).parts + (sample * shape.chunks + chunk) * 2 * shape.c;
  for (int first = 0; first < shape.packs; first += shape.pack_threads) {
    const int pack = first + thread.pack;
    float own[2][V] = {};
    if (thread.works && pack < shape.packs) {
      const NormSource<T> source(args, shape, sample, pack, V);
      const NormFactors<V> factors(args, shape, args.stats + sample * shape.groups * 2, sample, pack * V);
      const T *upstream = static_cast<const T *>(args.dy) + sample * shape.hw * shape.c + pack * V;
#pragma unroll 2
      for (int64_t r = begin + thread.row; r < end; r += shape.row_threads) {
        float x[V], dy[V];
        load(source.x + r * source.row, x);
        load(upstream + r * shape.c, dy);
#pragma unroll
        for (int v = 0; v < V; v++) {
          const float centred = x[v] - factors.mean[v];
          const float u = before_silu<T, Silu>(dy[v], centred * factors.a[v] + factors.b[v]);
          own[0][v] += u;
          own[1][v] += u * centred;
        }
      }
    }
    add_rows<2, V>(shape, thread, own, first * V, shape.c, scratch, parts, shape.c);
  }
}

// One block per sample.
__global__ void merge_gradients(hs_group_norm args, NormShape shape) {
  float *weighted = dynamic_shared<float>(); // [2, c]: gain weight u, gain weight u x̂
  const NormWorkspace workspace(args, shape);
  const int64_t i = blockIdx.x;
  const float *statistics = args.stats + i * shape.groups * 2;
  const float *modulation = args.modulation ? args.modulation + i * args.modulation_stride : nullptr;
  float *dmodulation = args.dmodulation ? args.dmodulation + i * args.dmodulation_stride : nullptr;
  for (int64_t j = threadIdx.x; j < shape.c; j += blockDim.x) {
    const float *part = workspace.parts + i * shape.chunks * 2 * shape.c + j;
    double sum = 0.0, product = 0.0;
    for (int64_t k = 0; k < shape.chunks; k++) {
      sum += static_cast<double>(part[k * 2 * shape.c]);
      product += static_cast<double>(part[k * 2 * shape.c + shape.c]);
    }
    product *= static_cast<double>(statistics[2 * shape.by_width(static_cast<unsigned>(j)) + 1]);
    const double weight = static_cast<double>(args.weight[j]);
    const double gain = (modulation ? 1.0 + static_cast<double>(modulation[j]) : 1.0) * weight;
    weighted[j] = static_cast<float>(gain * sum);
    weighted[shape.c + j] = static_cast<float>(gain * product);
    workspace.sums[i * 2 * shape.c + j] = static_cast<float>(sum);
    workspace.sums[i * 2 * shape.c + shape.c + j] = static_cast<float>(product);
    if (dmodulation != nullptr) {
      dmodulation[j] = static_cast<float>(weight * product + static_cast<double>(args.bias[j]) * sum);
      dmodulation[shape.c + j] = static_cast<float>(sum);
    }
  }
  __syncthreads();
  const double count = static_cast<double>(shape.hw * shape.width);
  for (int g = static_cast<int>(threadIdx.x); g < shape.groups; g += static_cast<int>(blockDim.x)) {
    double total = 0.0, correlated = 0.0;
    for (int j = g * shape.width; j < (g + 1) * shape.width; j++) {
      total += static_cast<double>(weighted[j]);
      correlated += static_cast<double>(weighted[shape.c + j]);
    }
    const double rstd = static_cast<double>(statistics[2 * g + 1]);
    float *coefficients = workspace.coefficients + (i * shape.groups + g) * 2;
    coefficients[0] = static_cast<float>(-rstd * total / count);
    coefficients[1] = static_cast<float>(-rstd * rstd * correlated / count);
  }
}

template <typename T, int V, bool Silu>
__global__ void write_input_gradient(hs_group_norm args, NormShape shape) {
  const NormThread thread(shape);
  if (!thread.works)
    return;
  const int64_t sample = blockIdx.y, chunk = blockIdx.x;
  const int64_t begin = chunk * shape.rows, end = smaller(shape.hw, begin + shape.rows);
  const float *coefficients = NormWorkspace(args, shape).coefficients + sample * shape.groups * 2;
  for (int pack = thread.pack; pack < shape.packs; pack += shape.pack_threads) {
    const NormSource<T> source(args, shape, sample, pack, V);
    const NormFactors<V> factors(args, shape, args.stats + sample * shape.groups * 2, sample, pack * V);
    const T *__restrict__ from = source.x;
    const T *__restrict__ upstream = static_cast<const T *>(args.dy) + sample * shape.hw * shape.c + pack * V;
    T *__restrict__ to = static_cast<T *>(source.second ? args.dx1 : args.dx0) + source.offset;
    const bool accumulate = (source.second ? args.accumulate1 : args.accumulate0) != 0;
    float constant[V], slope[V];
#pragma unroll
    for (int v = 0; v < V; v++) {
      const float *group = coefficients + 2 * shape.by_width(static_cast<unsigned>(pack * V + v));
      constant[v] = group[0];
      slope[v] = group[1];
    }
#pragma unroll 2
    for (int64_t r = begin + thread.row; r < end; r += shape.row_threads) {
      float x[V], dy[V];
      load(from + r * source.row, x);
      load(upstream + r * shape.c, dy);
#pragma unroll
      for (int v = 0; v < V; v++) {
        const float centred = x[v] - factors.mean[v];
        const float u = before_silu<T, Silu>(dy[v], centred * factors.a[v] + factors.b[v]);
        x[v] = factors.a[v] * u + (constant[v] + slope[v] * centred);
      }
      if (accumulate) {
        float before[V];
        load(to + r * source.row, before);
#pragma unroll
        for (int v = 0; v < V; v++)
          x[v] += before[v];
      }
      store(to + r * source.row, x);
    }
  }
}

// dweight and dbias: sums over samples. A block owns 32 channels; its warps share the samples.
__global__ void parameter_gradients(hs_group_norm args, NormShape shape) {
  constexpr int kStripes = kThreads / kWarp;
  __shared__ double dweights[kStripes][kWarp], dbiases[kStripes][kWarp];
  const float *sums = NormWorkspace(args, shape).sums;
  const int lane = static_cast<int>(threadIdx.x) % kWarp, stripe = static_cast<int>(threadIdx.x) / kWarp;
  const int64_t j = int64_t{blockIdx.x} * kWarp + lane;
  double dweight = 0.0, dbias = 0.0;
  if (j < shape.c)
    for (int64_t i = stripe; i < shape.n; i += kStripes) {
      const double gain =
          args.modulation ? 1.0 + static_cast<double>(args.modulation[i * args.modulation_stride + j]) : 1.0;
      dbias += gain * static_cast<double>(sums[i * 2 * shape.c + j]);
      dweight += gain * static_cast<double>(sums[i * 2 * shape.c + shape.c + j]);
    }
  dweights[stripe][lane] = dweight;
  dbiases[stripe][lane] = dbias;
  __syncthreads();
  if (stripe != 0 || j >= shape.c)
    return;
  for (int k = 1; k < kStripes; k++) {
    dweight += dweights[k][lane];
    dbias += dbiases[k][lane];
  }
  args.dweight[j] = static_cast<float>(dweight);
  args.dbias[j] = static_cast<float>(dbias);
}

int hs_group_norm_backward(hs_stream stream, const hs_group_norm *args) {
  HS_REQUIRE(valid(args) && args->dy && args->dx0 && (args->dx1 || args->c1 == 0) && args->dweight &&
             args->dbias);
  HS_REQUIRE(!args->dmodulation ||
             (args->modulation && args->dmodulation_stride >= 2 * (args->c0 + args->c1)));
  constexpr int64_t kMaxGridY = 65535;
  if (args->c0 + args->c1 > kMaxChannels || args->n > kMaxGridY)
    return HS_UNSUPPORTED;
  const bool packs = packs_of(*args, true);
  return with_pack(args->dtype, packs, [&](auto storage, auto width) {
    using T = decltype(storage);
    constexpr int V = decltype(width)::value;
    const NormShape shape(args->n, args->hw, args->c0, args->c1, args->groups, V);
    constexpr int64_t kFloat = sizeof(float);
    const unsigned channel_blocks = static_cast<unsigned>(ceil_div(shape.c, kWarp));
    if (fits_slices(*args, packs)) {
      HS_LAUNCHED(differentiate_slices(stream, *args, packs, NormWorkspace(*args, shape).sums));
      return launch(parameter_gradients, channel_blocks, kThreads, 0, stream, *args, shape);
    }
    const bool silu = args->silu != 0;
    HS_LAUNCHED(launch(silu ? chunk_gradient_sums<T, V, true> : chunk_gradient_sums<T, V, false>,
                       shape.grid(), kThreads, shape.scratch_floats(2, V) * kFloat, stream, *args, shape));
    HS_LAUNCHED(launch(merge_gradients, static_cast<unsigned>(shape.n), kThreads, 2 * shape.c * kFloat,
                       stream, *args, shape));
    HS_LAUNCHED(launch(silu ? write_input_gradient<T, V, true> : write_input_gradient<T, V, false>,
                       shape.grid(), kThreads, 0, stream, *args, shape));
    return launch(parameter_gradients, channel_blocks, kThreads, 0, stream, *args, shape);
  });
}
