// Group normalisation over the channel concatenation of two sources, with modulation and SiLU: the forward
// pass.
//
// Two launches: one leaves the sums of each chunk, one merges them and writes. x is read twice (the second
// time from the L2 cache where it fits) and y written once. Where a group is small enough for one block, one
// launch does all of it (group_norm_slice.cu).
#ifndef HS_CASES
#include "group_norm_slice.cuh"

#include <math.h>

// Sums of (x - shift) and its square, per chunk and group. The shift is the group's first element, some
// standard deviations from its mean at most, so that a mean far from zero costs no precision.
template <typename T, int V> __global__ void chunk_moments(hs_group_norm args, NormShape shape) {
  wait_for_earlier();
  float *scratch = dynamic_shared<float>(), *sums = scratch + shape.scratch_floats(2, V);
  const NormThread thread(shape);
  const int64_t sample = blockIdx.y, chunk = blockIdx.x;
  const int64_t begin = chunk * shape.rows, end = smaller(shape.hw, begin + shape.rows);
  for (int first = 0; first < shape.packs; first += shape.pack_threads) {
    const int pack = first + thread.pack;
    float own[2][V] = {};
    if (thread.works && pack < shape.packs) {
      const NormSource<T> source(args, shape, sample, pack, V);
      float shift[V];
#pragma unroll
      for (int v = 0; v < V; v++) {
        const int64_t j = int64_t{shape.by_width(static_cast<unsigned>(pack * V + v))} * shape.width;
        shift[v] = to_float(
            j < shape.c0 ? static_cast<const T *>(args.x0)[sample * shape.hw * shape.c0 + j]
                         : static_cast<const T *>(args.x1)[sample * shape.hw * shape.c1 + j - shape.c0]);
      }
#pragma unroll 4
      for (int64_t r = begin + thread.row; r < end; r += shape.row_threads) {
        float x[V];
        load(source.x + r * source.row, x);
#pragma unroll
        for (int v = 0; v < V; v++) {
          const float centred = x[v] - shift[v];
          own[0][v] += centred;
          own[1][v] += centred * centred;
        }
      }
    }
    add_rows<2, V>(shape, thread, own, first * V, shape.c, scratch, sums, shape.c);
  }
  __syncthreads();
  float *parts = args.workspace + (sample * shape.chunks + chunk) * shape.groups * 2;
  for (int item = static_cast<int>(threadIdx.x); item < 2 * shape.groups; item += kThreads) {
    const float *channels = sums + (item % 2) * shape.c + (item / 2) * shape.width;
    float sum = 0.0f;
    for (int j = 0; j < shape.width; j++)
      sum += channels[j];
    parts[item] = sum;
  }
}

// Merges the chunks of a sample: eight lanes per group, so that usually all groups are merged at once. Leaves
// mean and rstd in shared memory.
template <typename T>
__device__ inline void merge_moments(const hs_group_norm &args, const NormShape &shape, int64_t sample,
                                     float *statistics) {
  constexpr int kLanes = 8;
  const int lane = static_cast<int>(threadIdx.x) % kLanes;
  const int warp_first = static_cast<int>(threadIdx.x) / kWarp * (kWarp / kLanes);
  const double share = 1.0 / static_cast<double>(shape.hw * shape.width);
  for (int first = 0; first + warp_first < shape.groups; first += kThreads / kLanes) { // the same for a warp
    const int g = first + static_cast<int>(threadIdx.x) / kLanes;
    const bool there = g < shape.groups;
    const int64_t j = int64_t{there ? g : 0} * shape.width;
    const float shift =
        to_float(j < shape.c0 ? static_cast<const T *>(args.x0)[sample * shape.hw * shape.c0 + j]
                              : static_cast<const T *>(args.x1)[sample * shape.hw * shape.c1 + j - shape.c0]);
    double sum = 0.0, squares = 0.0;
    if (there)
      for (int64_t chunk = lane; chunk < shape.chunks; chunk += kLanes) {
        const float *parts = args.workspace + ((sample * shape.chunks + chunk) * shape.groups + g) * 2;
        sum += static_cast<double>(parts[0]);
        squares += static_cast<double>(parts[1]);
      }
    for (int bits = kLanes / 2; bits > 0; bits /= 2) {
      sum += __shfl_xor_sync(kAllLanes, sum, bits);
      squares += __shfl_xor_sync(kAllLanes, squares, bits);
    }
    if (there && lane == 0) {
      const double mean = sum * share;
      const double variance = squares * share - mean * mean;
      statistics[2 * g] = static_cast<float>(mean + static_cast<double>(shift));
      // max() would drop a NaN
      statistics[2 * g + 1] =
          1.0f / sqrtf(static_cast<float>((variance < 0.0 ? 0.0 : variance) + static_cast<double>(args.eps)));
    }
  }
}

template <typename T, int V, bool Silu> __global__ void write_output(hs_group_norm args, NormShape shape) {
  wait_for_earlier();
  float *statistics = dynamic_shared<float>();
  const NormThread thread(shape);
  const int64_t sample = blockIdx.y, chunk = blockIdx.x;
  merge_moments<T>(args, shape, sample, statistics);
  __syncthreads();
  if (chunk == 0)
    for (int item = static_cast<int>(threadIdx.x); item < 2 * shape.groups; item += kThreads)
      args.stats[sample * shape.groups * 2 + item] = statistics[item];
  if (!thread.works)
    return;
  const int64_t begin = chunk * shape.rows, end = smaller(shape.hw, begin + shape.rows);
  for (int pack = thread.pack; pack < shape.packs; pack += shape.pack_threads) {
    const NormSource<T> source(args, shape, sample, pack, V);
    const NormFactors<V> factors(args, shape, statistics, sample, pack * V);
    const T *__restrict__ from = source.x;
    T *__restrict__ to = static_cast<T *>(args.y) + sample * shape.hw * shape.c + pack * V;
#pragma unroll 4
    for (int64_t r = begin + thread.row; r < end; r += shape.row_threads) {
      float x[V];
      load(from + r * source.row, x);
#pragma unroll
      for (int v = 0; v < V; v++) {
        x[v] = (x[v] - factors.mean[v]) * factors.a[v] + factors.b[v];
        if constexpr (Silu)
          x[v] = silu<T>(x[v]);
      }
      store(to + r * shape.c, x);
    }
  }
}

bool valid(const hs_group_norm *args) {
  if (!args || args->n < 0 || args->hw < 1 || args->c0 < 1 || args->c1 < 0 || !is_dtype(args->dtype))
    return false;
  const int64_t c = args->c0 + args->c1;
  return args->groups >= 1 && c % args->groups == 0 && args->eps >= 0 && args->x0 &&
         (args->x1 || args->c1 == 0) && args->weight && args->bias && args->stats && args->workspace &&
         (!args->modulation || args->modulation_stride >= 2 * c);
}

bool packs_of(const hs_group_norm &args, bool backward) {
  const int64_t pack = elements_of_16_bytes(args.dtype);
  if (args.c0 % pack != 0 || args.c1 % pack != 0 || !aligned(args.x0) || (args.c1 > 0 && !aligned(args.x1)))
    return false;
  return backward ? aligned(args.dy, args.dx0) && (args.c1 == 0 || aligned(args.dx1)) : aligned(args.y);
}

int64_t hs_group_norm_workspace(const struct hs_group_norm *args, int32_t gradient) {
  if (!args || args->n <= 0 || args->hw <= 0 || args->c0 <= 0 || args->c1 < 0 || args->groups <= 0)
    return 0;
  const int64_t c = args->c0 + args->c1;
  const NormShape shape(args->n, args->hw, c, 0, args->groups, 1);
  const int64_t floats =
      args->n * 2 * (gradient ? shape.chunks * c + c + args->groups : shape.chunks * args->groups);
  return floats * static_cast<int64_t>(sizeof(float));
}

int hs_group_norm_forward(hs_stream stream, const hs_group_norm *args) {
  HS_REQUIRE(valid(args) && args->y);
  constexpr int64_t kMaxGridY = 65535;
  if (args->c0 + args->c1 > kMaxChannels || args->n > kMaxGridY)
    return HS_UNSUPPORTED;
  const bool packs = packs_of(*args, false);
  if (fits_slices(*args, packs))
    return normalise_slices(stream, *args, packs);
  return with_pack(args->dtype, packs, [&](auto storage, auto width) {
    using T = decltype(storage);
    constexpr int V = decltype(width)::value;
    const NormShape shape(args->n, args->hw, args->c0, args->c1, args->groups, V);
    const int64_t sums = (shape.scratch_floats(2, V) + 2 * shape.c) * static_cast<int64_t>(sizeof(float));
    const int64_t statistics = 2 * shape.groups * static_cast<int64_t>(sizeof(float));
    HS_LAUNCHED(launch_early(chunk_moments<T, V>, shape.grid(), kThreads, sums, stream, *args, shape));
    return launch_early(args->silu ? write_output<T, V, true> : write_output<T, V, false>, shape.grid(),
                        kThreads, statistics, stream, *args, shape);
  });
}

#else // ---- What is compared with the CPU's ----------------------------------------------------------------
#include "test/harness.h"

static void group_norm(const Check &check, int32_t dtype, int64_t n, int64_t hw, int64_t c0, int64_t c1,
                       int32_t groups, bool modulated, bool silu, bool add) {
  check(name_of("group norm", dtype, {n, hw, c0, c1, groups, modulated, silu, add}), [=](Side &s) {
    const int64_t c = c0 + c1;
    struct hs_group_norm a = {.n = n, .hw = hw, .c0 = c0, .c1 = c1, .groups = groups, .silu = silu};
    a.dtype = dtype;
    a.eps = 1e-5f;
    a.x0 = s.numbers(dtype, n * hw * c0, 1, 2);
    a.x1 = c1 > 0 ? s.numbers(dtype, n * hw * c1, 2, 2) : nullptr;
    a.weight = s.floats(c, 3);
    a.bias = s.floats(c, 4);
    if (modulated) {
      a.modulation = s.floats(n * (2 * c + 5), 5);
      a.modulation_stride = 2 * c + 5;
      a.dmodulation = s.floats(n * 2 * c, 6);
      a.dmodulation_stride = 2 * c;
    }
    a.y = s.output(dtype, n * hw * c);
    a.stats = s.floats(n * groups * 2, 7);
    a.workspace = static_cast<float *>(HS_ROOM(s, hs_group_norm, a, 0));
    HS_CALL(s, hs_group_norm_forward, a);
    s.read("y", a.y, dtype, n * hw * c);
    s.read("statistics", a.stats, HS_F32, n * groups * 2);
    a.dy = s.numbers(dtype, n * hw * c, 8);
    a.dx0 = s.numbers(dtype, n * hw * c0, 9);
    a.dx1 = c1 > 0 ? s.numbers(dtype, n * hw * c1, 10) : nullptr;
    a.accumulate0 = add;
    a.accumulate1 = add;
    a.dweight = s.floats(c, 11);
    a.dbias = s.floats(c, 12);
    a.workspace = static_cast<float *>(HS_ROOM(s, hs_group_norm, a, 1));
    HS_CALL(s, hs_group_norm_backward, a);
    s.read("dx0", a.dx0, dtype, n * hw * c0);
    if (c1 > 0)
      s.read("dx1", a.dx1, dtype, n * hw * c1);
    s.read("dweight", a.dweight, HS_F32, c, 1e-4);
    s.read("dbias", a.dbias, HS_F32, c, 1e-4);
    if (modulated)
      s.read("dmodulation", a.dmodulation, HS_F32, n * 2 * c, 1e-4);
  });
}

static const Cases cases([](const Check &check) {
  for (int32_t dtype : {HS_F32, HS_BF16}) {
    group_norm(check, dtype, 2, 35, 33, 0, 11, false, true, false);
    group_norm(check, dtype, 3, 20, 5, 7, 3, true, true, true);
    group_norm(check, dtype, 2, 300, 64, 32, 32, true, false, true);
    group_norm(check, dtype, 1, 256, 192, 0, 32, true, true, false);
    group_norm(check, dtype, 2, 64, 1536, 512, 32, false, true, false);
    group_norm(check, dtype, 100, 16, 64, 0, 4, false, true, false); // slices of several groups
    group_norm(check, dtype, 1, 4100, 48, 0, 2, true, true, true);   // slices of many rows
    group_norm(check, dtype, 1, 20000, 32, 0, 2, true, true, true);  // groups of more than one block
  }
});
#endif
