// What the forward and the backward pass of group normalisation share: how a sample is cut, and who reads
// what.
//
// A sample is cut into chunks of rows by its shape alone. A block owns one chunk of one sample; a thread owns
// V channels of it (16 bytes where the channel counts allow) and every `row_threads`-th row, so that a warp
// reads whole lines and what depends on the channel is loaded once per thread. Sums over rows pass through
// shared memory, sums over chunks through the workspace, both in a fixed order.
#ifndef HALFSTEP_CUDA_GROUP_NORM_CUH
#define HALFSTEP_CUDA_GROUP_NORM_CUH

#include "activation.cuh"

static constexpr int64_t kChunkElements = 8192, kMinChunkRows = 8, kMaxChunks = 32;
static constexpr int64_t kMaxChannels =
    4096; // what the sums of one row of channels may take of shared memory

struct NormShape {
  int64_t n, hw, c0, c1, c;
  int groups, width;    // width: channels of a group
  int64_t rows, chunks; // rows of a chunk
  int packs0, packs;    // of V channels: in the first source, in both
  int pack_threads, row_threads;
  Divider by_width;

  NormShape(int64_t n, int64_t hw, int64_t c0, int64_t c1, int32_t groups, int elements)
      : n(n), hw(hw), c0(c0), c1(c1), c(c0 + c1), groups(groups), width(static_cast<int>(c / groups)),
        rows(larger(kMinChunkRows, larger(kChunkElements / larger(1, c), ceil_div(hw, kMaxChunks)))),
        chunks(ceil_div(hw, rows)), packs0(static_cast<int>(c0 / elements)),
        packs(static_cast<int>(c / elements)), pack_threads(static_cast<int>(smaller(packs, kThreads))),
        row_threads(kThreads / pack_threads), by_width(width) {}

  dim3 grid() const { return dim3(static_cast<unsigned>(chunks), static_cast<unsigned>(n)); }
  // Floats of shared memory in which threads leave `sums` sums per channel of a pass, and per channel of all.
  __host__ __device__ int64_t scratch_floats(int sums, int elements) const {
    return int64_t{sums} * row_threads * pack_threads * elements;
  }
};

// The thread's place in its block. Threads past the last whole row of threads have no rows.
struct NormThread {
  int pack, row;
  bool works;

  __device__ explicit NormThread(const NormShape &shape)
      : pack(static_cast<int>(threadIdx.x) % shape.pack_threads),
        row(static_cast<int>(threadIdx.x) / shape.pack_threads), works(row < shape.row_threads) {}
};

// V channels of one of the two sources.
template <typename T> struct NormSource {
  const T *x; // at the sample's first row
  int64_t row;
  int64_t offset; // of these channels from the source's start, at the sample's first row
  bool second;

  // shape: of either way to cut a sample
  template <typename Shape>
  __device__ NormSource(const hs_group_norm &args, const Shape &shape, int64_t sample, int pack, int elements)
      : second(pack >= shape.packs0) {
    row = second ? shape.c1 : shape.c0;
    offset = sample * shape.hw * row + int64_t{second ? pack - shape.packs0 : pack} * elements;
    x = static_cast<const T *>(second ? args.x1 : args.x0) + offset;
  }
};

// Normalised and modulated value = (x - mean) a + b, for V channels of a sample.
template <int V> struct NormFactors {
  float mean[V], a[V], b[V];

  // statistics [groups, 2]: mean and rstd of the sample
  __device__ NormFactors(const hs_group_norm &args, const NormShape &shape, const float *statistics,
                         int64_t sample, int channel) {
    const float *modulation = args.modulation ? args.modulation + sample * args.modulation_stride : nullptr;
#pragma unroll
    for (int v = 0; v < V; v++) {
      const int j = channel + v;
      const float *group = statistics + 2 * shape.by_width(static_cast<unsigned>(j));
      const float gain = modulation ? 1.0f + modulation[j] : 1.0f;
      mean[v] = group[0];
      a[v] = gain * args.weight[j] * group[1];
      b[v] = gain * args.bias[j] + (modulation ? modulation[shape.c + j] : 0.0f);
    }
  }
};

// Adds up what the threads of a pass found for their channels: sum k of channel first + j goes to sums[k *
// stride + first + j]. All threads of the block take part; scratch holds scratch_floats(Sums, V).
template <int Sums, int V>
__device__ inline void add_rows(const NormShape &shape, const NormThread &thread, const float (&own)[Sums][V],
                                int first, int64_t channels, float *scratch, float *sums, int64_t stride) {
  const int across = shape.pack_threads * V;
  __syncthreads(); // scratch may still be read from the pass before
  if (thread.works)
#pragma unroll
    for (int k = 0; k < Sums; k++)
#pragma unroll
      for (int v = 0; v < V; v++) // neighbouring threads in neighbouring banks
        scratch[(k * shape.row_threads + thread.row) * across + v * shape.pack_threads + thread.pack] =
            own[k][v];
  __syncthreads();
  for (int item = static_cast<int>(threadIdx.x); item < Sums * across; item += kThreads) {
    const int k = item / across, j = item % across;
    const int64_t channel = first + int64_t{j % shape.pack_threads} * V + j / shape.pack_threads;
    if (channel >= channels)
      continue;
    float sum = 0.0f;
    for (int row = 0; row < shape.row_threads; row++)
      sum += scratch[(k * shape.row_threads + row) * across + j];
    sums[k * stride + channel] = sum;
  }
}

bool valid(const hs_group_norm *args);
// Whether every row of every array starts at a multiple of 16 bytes.
bool packs_of(const hs_group_norm &args, bool backward);

#endif
