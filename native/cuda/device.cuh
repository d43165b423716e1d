// What every kernel source needs: launches and their status, checks, sums over a warp and a block, exact
// division.
//
// The sources know nothing of what compiles them: nvcc, or a C++ compiler with ../cuda_on_cpu in place of the
// toolkit. Rules that keep it so: no <<<>>> (launch() below), block sizes that are multiples of a warp, warp
// operations by all 32 lanes, dynamic shared memory through dynamic_shared(), vector accesses through
// storage.cuh.
#ifndef HALFSTEP_CUDA_DEVICE_CUH
#define HALFSTEP_CUDA_DEVICE_CUH

#include "halfstep.h"

#include <cuda_runtime.h>

#include <stdint.h>

static constexpr int kWarp = 32;
static constexpr unsigned kAllLanes = 0xffffffffu;
static constexpr int kThreads = 256;                    // of a block, where nothing speaks for another number
static constexpr int64_t kMaxBlocks = int64_t{1} << 20; // of kernels that loop over what is left
static constexpr int64_t kMaxIndex = (int64_t{1} << 31) - 1;

// Leaves the function when an argument is out of its documented range.
#define HS_REQUIRE(condition)                                                                                \
  do {                                                                                                       \
    if (!(condition))                                                                                        \
      return HS_INVALID_ARGUMENT;                                                                            \
  } while (false)

// Leaves the function when a launch before the last one failed.
#define HS_LAUNCHED(status)                                                                                  \
  do {                                                                                                       \
    const int launched = (status);                                                                           \
    if (launched != HS_OK)                                                                                   \
      return launched;                                                                                       \
  } while (false)

__host__ __device__ inline int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
__host__ __device__ inline int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }
__host__ __device__ inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// The blocks of `threads` threads for `items` items, each thread taking its share in turns.
inline unsigned blocks_for(int64_t items, int threads = kThreads) {
  return static_cast<unsigned>(smaller(ceil_div(items, threads), kMaxBlocks));
}

inline bool is_dtype(int32_t dtype) { return dtype == HS_F32 || dtype == HS_BF16; }

template <typename T> struct Same { typedef T Type; };

// The last CUDA error of this thread by its name, for hs_status_string(HS_DEVICE_ERROR).
extern thread_local const char *hs_last_device_error;

inline int device_status(cudaError_t error) {
  if (error == cudaSuccess)
    return HS_OK;
  hs_last_device_error = cudaGetErrorName(error);
  return HS_DEVICE_ERROR;
}

// Whether launches may overlap (launch_early): on Hopper and newer, where HALFSTEP_CUDA_EARLY=1 asks for it.
bool hs_launches_overlap();

template <typename... Parameters>
inline int launch_kernel(bool early, void (*kernel)(Parameters...), dim3 grid, int threads,
                         int64_t shared_bytes, hs_stream stream,
                         typename Same<Parameters>::Type... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0)
    return HS_OK;
  constexpr int64_t kWithoutAsking = 48 * 1024;
  if (shared_bytes > kWithoutAsking) {
    const cudaError_t granted = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                                     static_cast<int>(shared_bytes));
    if (granted != cudaSuccess) {
      (void)cudaGetLastError();
      // Too much for this GPU; anything else is an error of an earlier launch.
      return granted == cudaErrorInvalidValue ? HS_UNSUPPORTED : device_status(granted);
    }
  }
  cudaLaunchConfig_t config = {};
  config.gridDim = grid;
  config.blockDim = dim3(static_cast<unsigned>(threads));
  config.dynamicSmemBytes = static_cast<size_t>(shared_bytes);
  config.stream = static_cast<cudaStream_t>(stream);
#ifdef __CUDACC__
  cudaLaunchAttribute overlap = {};
  if (early && hs_launches_overlap()) {
    overlap.id = cudaLaunchAttributeProgrammaticStreamSerialization;
    overlap.val.programmaticStreamSerializationAllowed = 1;
    config.attrs = &overlap;
    config.numAttrs = 1;
  }
#else
  (void)early;
#endif
  const cudaError_t launched = cudaLaunchKernelEx(&config, kernel, arguments...);
  const cudaError_t pending = cudaGetLastError();
  return device_status(launched != cudaSuccess ? launched : pending);
}

// Launches a kernel on the stream; arguments convert to its parameters. A grid without blocks is no work.
template <typename... Parameters>
inline int launch(void (*kernel)(Parameters...), dim3 grid, int threads, int64_t shared_bytes,
                  hs_stream stream, typename Same<Parameters>::Type... arguments) {
  return launch_kernel(false, kernel, grid, threads, shared_bytes, stream, arguments...);
}

// The same for a kernel that begins with wait_for_earlier(): its blocks may be set up while what was launched
// before them still runs.
template <typename... Parameters>
inline int launch_early(void (*kernel)(Parameters...), dim3 grid, int threads, int64_t shared_bytes,
                        hs_stream stream, typename Same<Parameters>::Type... arguments) {
  return launch_kernel(true, kernel, grid, threads, shared_bytes, stream, arguments...);
}

// Waits until everything that was launched before this kernel has ended and what it wrote can be read.
__device__ inline void wait_for_earlier() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  cudaGridDependencySynchronize();
#endif
}

// The block's dynamic shared memory.
template <typename T> __device__ inline T *dynamic_shared() {
#ifdef __CUDACC__
  extern __shared__ __align__(16) unsigned char halfstep_shared[];
  return reinterpret_cast<T *>(halfstep_shared);
#else
  return static_cast<T *>(fibers::dynamic_shared_memory());
#endif
}

// ---- Sums in a fixed order --------------------------------------------------------------------------------

// The sum over a warp's lanes, in all of them.
template <typename T> __device__ inline T warp_sum(T value) {
  for (int bits = kWarp / 2; bits > 0; bits /= 2)
    value += __shfl_xor_sync(kAllLanes, value, bits);
  return value;
}

// The sum over a block's threads, in all of them. blockDim.x is a multiple of a warp, at most 1024.
template <typename T> __device__ inline T block_sum(T value) {
  __shared__ T parts[kWarp];
  const int lane = static_cast<int>(threadIdx.x) % kWarp, warp = static_cast<int>(threadIdx.x) / kWarp;
  const int warps = static_cast<int>(blockDim.x) / kWarp;
  value = warp_sum(value);
  __syncthreads(); // parts may still be read from an earlier sum
  if (lane == 0)
    parts[warp] = value;
  __syncthreads();
  return warp_sum(lane < warps ? parts[lane] : T{});
}

// ---- Division by a number that the host knows -------------------------------------------------------------

// Exact for dividends below 2^31 (Granlund and Montgomery, 1994): a product and a shift in place of some
// forty instructions.
struct Divider {
  unsigned divisor, factor, shift;

  Divider() = default;
  explicit Divider(int64_t by) : divisor(static_cast<unsigned>(by)), factor(0), shift(0) {
    while ((uint64_t{1} << shift) < divisor)
      shift++;
    factor = static_cast<unsigned>(((uint64_t{1} << 32) * ((uint64_t{1} << shift) - divisor)) / divisor + 1);
  }

  __device__ inline unsigned operator()(unsigned dividend) const {
    return (__umulhi(dividend, factor) + dividend) >> shift;
  }
};

#endif
