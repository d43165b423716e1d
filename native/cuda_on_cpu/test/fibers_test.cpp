// Tests what runs CUDA's threads on the CPU: that its operations are those of a GPU, and that each mistake it
// says it sees is seen. Prints what failed; status 1 then. (What it reports of the mistakes goes to the
// standard error output.)
#include "cuda_runtime.h"

#include <cstdio>
#include <cstdlib>

static int failures = 0;

static void expect(bool condition, const char *what) {
  if (condition)
    return;
  failures++;
  printf("fibers: %s\n", what);
}

template <typename... Parameters, typename... Arguments>
static cudaError_t run(dim3 grid, dim3 block, size_t shared, void (*kernel)(Parameters...),
                       Arguments... arguments) {
  cudaLaunchConfig_t config;
  config.gridDim = grid;
  config.blockDim = block;
  config.dynamicSmemBytes = shared;
  return cudaLaunchKernelEx(&config, kernel, arguments...);
}

// ---- What works -------------------------------------------------------------------------------------------

__global__ static void positions(int *out) {
  const unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  const unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  out[block * blockDim.x * blockDim.y * blockDim.z + thread] = static_cast<int>(100 * block + thread);
}

__global__ static void reverse(int *values) {
  __shared__ int kept[96];
  kept[threadIdx.x] = values[threadIdx.x];
  __syncthreads();
  values[threadIdx.x] = kept[95 - threadIdx.x];
}

__global__ static void warp_operations(int *out) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  int sum = lane;
  for (int bits = 16; bits > 0; bits /= 2)
    sum += __shfl_xor_sync(0xffffffffu, sum, bits);
  const double left = __shfl_up_sync(0xffffffffu, lane * 0.5, 1);
  const int right = __shfl_down_sync(0xffffffffu, lane, 2), third = __shfl_sync(0xffffffffu, lane, 3);
  const unsigned odd = __ballot_sync(0xffffffffu, lane % 2 != 0);
  bool right_answers =
      sum == 496 && left == (lane == 0 ? 0.0 : (lane - 1) * 0.5) && third == 3 && odd == 0xaaaaaaaau;
  right_answers &= right == (lane < 30 ? lane + 2 : lane);
  if (lane < 8) { // a part of the warp
    right_answers &= __shfl_xor_sync(0xffu, lane, 7) == 7 - lane;
    __syncwarp(0xffu);
  }
  out[threadIdx.x] = __all_sync(0xffffffffu, right_answers) && !__any_sync(0xffffffffu, lane > 31);
}

// ---- What is wrong ----------------------------------------------------------------------------------------

__global__ static void race(int *out) { // lacks a barrier
  __shared__ int kept[64];
  kept[threadIdx.x] = 1000 + static_cast<int>(blockIdx.x);
  out[blockIdx.x * 64 + threadIdx.x] = kept[63 - threadIdx.x];
}

__global__ static void two_barriers() {
  if (threadIdx.x < 32)
    __syncthreads();
  else
    __syncthreads();
}

__global__ static void barrier_against_warp() {
  if (threadIdx.x == 0)
    __syncthreads();
  else
    __syncwarp();
}

__global__ static void half_a_warp() {
  if (threadIdx.x < 16)
    (void)__shfl_xor_sync(0xffffffffu, 1, 16);
}

__global__ static void different_operations() {
  if (threadIdx.x < 16)
    (void)__shfl_xor_sync(0xffffffffu, 1, 16);
  else
    (void)__ballot_sync(0xffffffffu, true);
}

__global__ static void misaligned(char *memory) { fibers::require_aligned(memory + 8, 16); }

__global__ static void past_shared() { static_cast<char *>(fibers::dynamic_shared_memory())[100] = 1; }

__global__ static void nothing() {}

int main() {
  int out[2048] = {};
  expect(run(dim3(2, 2, 2), dim3(4, 3, 2), 0, positions, out) == cudaSuccess, "positions");
  for (int block = 0; block < 8; block++)
    for (int thread = 0; thread < 24; thread++)
      expect(out[block * 24 + thread] == 100 * block + thread, "a position is wrong");
  for (int i = 0; i < 96; i++)
    out[i] = i;
  expect(run(1, 96, 0, reverse, out) == cudaSuccess, "a barrier");
  for (int i = 0; i < 96; i++)
    expect(out[i] == 95 - i, "a barrier did not hold");
  expect(run(1, 128, 0, warp_operations, out) == cudaSuccess, "warp operations");
  for (int i = 0; i < 128; i++)
    expect(out[i] == 1, "a warp operation is wrong");
  expect(cudaGetLastError() == cudaSuccess, "no error so far");

  bool stale = false;
  expect(run(2, 64, 0, race, out) == cudaSuccess, "a race");
  for (int i = 64; i < 128; i++)
    stale |= out[i] != 1001;
  expect(stale, "a missing barrier does not show");

  expect(run(1, 64, 0, two_barriers) == cudaErrorLaunchFailure, "different barriers");
  expect(run(1, 32, 0, barrier_against_warp) == cudaErrorLaunchFailure, "a barrier that waits for a warp");
  expect(run(1, 32, 0, half_a_warp) == cudaErrorLaunchFailure, "lanes that do not come");
  expect(run(1, 32, 0, different_operations) == cudaErrorLaunchFailure, "different operations of a warp");
  expect(run(1, 1, 0, misaligned, reinterpret_cast<char *>(out)) == cudaErrorLaunchFailure,
         "a misaligned access");
  expect(run(1, 1, 100, past_shared) == cudaErrorLaunchFailure, "a write past shared memory");
  expect(cudaGetLastError() == cudaErrorLaunchFailure && cudaGetLastError() == cudaSuccess,
         "an error is told once");
  expect(run(1, 1025, 0, nothing) == cudaErrorInvalidConfiguration, "too many threads");
  expect(run(dim3(1, 65536), 1, 0, nothing) == cudaErrorInvalidConfiguration, "too many blocks in y");
  expect(run(1, 1, 1 << 20, nothing) == cudaErrorInvalidConfiguration, "too much shared memory");
  expect(run(1, 32, 0, nothing) == cudaSuccess, "a launch after all that");

  void *memory = nullptr;
  expect(cudaMalloc(&memory, 13) == cudaSuccess, "memory");
  expect(cudaFree(memory) == cudaSuccess, "memory given back");
  expect(cudaMalloc(&memory, 13) == cudaSuccess, "memory");
  static_cast<char *>(memory)[13] = 0;
  expect(cudaFree(memory) == cudaErrorInvalidValue, "a write past the end of memory");
  printf("fibers: %d failed\n", failures);
  return failures == 0 ? 0 : 1;
}
