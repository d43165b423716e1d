// A stand-in for CUDA's <cuda_runtime.h>, for a plain C++ compiler: it runs the kernels of ../cuda on the
// CPU.
//
// The threads of a block are fibers. A fiber runs until it finishes or must wait for others: at a barrier of
// the block, or at an operation of its warp; a warp runs as far as it can before the next one does. Blocks
// run one after the other, launches when they are made. What a GPU leaves undefined is an error here where it
// can be seen: barriers that not all threads reach, warp operations that not all named lanes take part in,
// misaligned vector accesses, writes past dynamic shared memory.
//
// HALFSTEP_FIBERS says in which order warps and lanes run: forward, reverse or random:SEED. A kernel that
// lacks a barrier gives another result in one of them.
#ifndef HALFSTEP_CUDA_ON_CPU_CUDA_RUNTIME_H
#define HALFSTEP_CUDA_ON_CPU_CUDA_RUNTIME_H

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

// ---- Language ---------------------------------------------------------------------------------------------
#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __shared__ static thread_local // one block at a time runs in a thread
#define __align__(bytes) alignas(bytes)

struct dim3 {
  unsigned x = 1, y = 1, z = 1;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

struct uint2 {
  unsigned x, y;
};

struct alignas(16) uint4 {
  unsigned x, y, z, w;
};

extern thread_local dim3 gridDim, blockDim, blockIdx, threadIdx; // of the thread that runs

// ---- Fibers (fibers.cpp) ----------------------------------------------------------------------------------
namespace fibers {

// Runs one launch: `body(arguments)` is one thread.
int run(dim3 grid, dim3 block, size_t shared_bytes, void (*body)(void *), void *arguments);

// Ends the launch with a message that names the place. Does not return inside a kernel.
void fail(const char *what, const char *file, int line);

void wait_for_block(const char *file, int line);

// Waits until the lanes of the mask are here, calls complete(payloads by lane, mask) once, and goes on.
void wait_for_warp(unsigned mask, void *payload, void (*complete)(void **, unsigned), const char *file,
                   int line);

unsigned lane();
void *dynamic_shared_memory();

inline void require_aligned(const void *address, size_t bytes) {
  if (reinterpret_cast<uintptr_t>(address) % bytes != 0)
    fail("a vector access is not aligned", __FILE__, __LINE__);
}

template <typename T> struct Shuffle {
  T value, result;
  int source; // lane to read from
};

template <typename T> void complete_shuffle(void **payloads, unsigned mask) {
  for (int lane = 0; lane < 32; lane++) {
    if (!(mask >> lane & 1))
      continue;
    auto *mine = static_cast<Shuffle<T> *>(payloads[lane]);
    const bool named = mine->source >= 0 && mine->source < 32 && (mask >> mine->source & 1);
    mine->result = named ? static_cast<Shuffle<T> *>(payloads[mine->source])->value : mine->value;
  }
}

template <typename T> T shuffle(unsigned mask, T value, int source, const char *file, int line) {
  Shuffle<T> mine = {value, value, source};
  wait_for_warp(mask, &mine, complete_shuffle<T>, file, line);
  return mine.result;
}

struct Vote {
  bool value;
  unsigned ballot;
};

inline void complete_vote(void **payloads, unsigned mask) {
  unsigned ballot = 0;
  for (int lane = 0; lane < 32; lane++)
    if ((mask >> lane & 1) && static_cast<Vote *>(payloads[lane])->value)
      ballot |= 1u << lane;
  for (int lane = 0; lane < 32; lane++)
    if (mask >> lane & 1)
      static_cast<Vote *>(payloads[lane])->ballot = ballot;
}

inline unsigned ballot(unsigned mask, bool value, const char *file, int line) {
  Vote mine = {value, 0};
  wait_for_warp(mask, &mine, complete_vote, file, line);
  return mine.ballot;
}

inline void complete_nothing(void **, unsigned) {}

} // namespace fibers

// ---- Barriers and warp operations -------------------------------------------------------------------------
#define __syncthreads() fibers::wait_for_block(__FILE__, __LINE__)
#define __syncwarp(...)                                                                                      \
  fibers::wait_for_warp(fibers_mask(__VA_ARGS__), nullptr, fibers::complete_nothing, __FILE__, __LINE__)
#define __shfl_sync(mask, value, source)                                                                     \
  fibers::shuffle(mask, value, static_cast<int>((source)&31), __FILE__, __LINE__)
#define __shfl_xor_sync(mask, value, bits)                                                                   \
  fibers::shuffle(mask, value, static_cast<int>(fibers::lane() ^ (bits)), __FILE__, __LINE__)
#define __shfl_down_sync(mask, value, distance)                                                              \
  fibers::shuffle(mask, value, static_cast<int>(fibers::lane() + (distance)), __FILE__, __LINE__)
#define __shfl_up_sync(mask, value, distance)                                                                \
  fibers::shuffle(mask, value, static_cast<int>(fibers::lane()) - static_cast<int>(distance), __FILE__,      \
                  __LINE__)
#define __ballot_sync(mask, value) fibers::ballot(mask, value, __FILE__, __LINE__)
#define __any_sync(mask, value) (fibers::ballot(mask, value, __FILE__, __LINE__) != 0)
#define __all_sync(mask, value) (fibers::ballot(mask, value, __FILE__, __LINE__) == (mask))

constexpr unsigned fibers_mask(unsigned mask = 0xffffffffu) { return mask; }

// ---- Arithmetic -------------------------------------------------------------------------------------------
template <typename T> inline T __ldg(const T *address) { return *address; }

template <typename T> inline T atomicAdd(T *address, T value) { // blocks do not run at the same time
  const T before = *address;
  *address = before + value;
  return before;
}

inline unsigned __float_as_uint(float value) {
  unsigned bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

inline float __uint_as_float(unsigned bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

inline unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>(static_cast<uint64_t>(a) * b >> 32);
}

inline float __expf(float x) { return expf(x); }
inline float __fdividef(float a, float b) { return a / b; }

// ---- The runtime's functions that the sources call --------------------------------------------------------
enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInvalidConfiguration = 9,
  cudaErrorLaunchFailure = 719
};

enum cudaMemcpyKind { cudaMemcpyHostToDevice = 1, cudaMemcpyDeviceToHost = 2 };
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize = 8 };

typedef void *cudaStream_t;

struct cudaLaunchConfig_t {
  dim3 gridDim, blockDim;
  size_t dynamicSmemBytes = 0;
  cudaStream_t stream = nullptr;
};

cudaError_t cudaGetLastError();
const char *cudaGetErrorString(cudaError_t error);
const char *cudaGetErrorName(cudaError_t error);
cudaError_t cudaDeviceSynchronize();
cudaError_t cudaMalloc(void **address, size_t bytes); // ends at a page that cannot be touched
cudaError_t cudaFree(void *address);
cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, cudaMemcpyKind kind);

template <typename Kernel> cudaError_t cudaFuncSetAttribute(Kernel *, cudaFuncAttribute, int bytes) {
  return bytes <= 99 * 1024 ? cudaSuccess : cudaErrorInvalidValue; // the least of sm_80 and later
}

template <typename... Parameters, typename... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t *config, void (*kernel)(Parameters...),
                               Arguments &&...arguments) {
  auto thread = [&] { kernel(arguments...); };
  using Thread = decltype(thread);
  return static_cast<cudaError_t>(fibers::run(
      config->gridDim, config->blockDim, config->dynamicSmemBytes,
      [](void *of) { (*static_cast<Thread *>(of))(); }, &thread));
}

#endif
