// Runs the threads of CUDA blocks as fibers, each on a stack of its own, switched by hand.
#include "cuda_runtime.h"

#include <cstdio>
#include <cstdlib>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

#if !defined(__x86_64__)
#error "the switch of stacks is written for x86-64"
#endif

// Saves the registers that a function must keep, leaves the stack at *from, and goes on where `to` was left.
extern "C" void halfstep_switch_stack(void **from, void *to);
asm(R"(
.text
.hidden halfstep_switch_stack
.globl halfstep_switch_stack
.type halfstep_switch_stack, @function
halfstep_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size halfstep_switch_stack, .-halfstep_switch_stack
)");

thread_local dim3 gridDim, blockDim, blockIdx, threadIdx;

namespace fibers {

namespace {

constexpr size_t kStackBytes = 128 * 1024;
constexpr int kMaxThreads = 1024;
constexpr int kWarp = 32;
constexpr size_t kMaxShared = 99 * 1024; // the least that sm_80 and later allow
constexpr size_t kGuard = 64;            // bytes past dynamic shared memory that must stay as they are
constexpr unsigned char kGuardByte = 0xa5, kPoison = 0xff;
constexpr unsigned kMaxGridX = 2147483647, kMaxGridYZ = 65535;

enum State { READY, RUNNING, AT_BARRIER, IN_WARP, DONE };

struct Fiber {
  State state;
  bool started;
  void *stack, *top; // its memory; where it was left
  dim3 index;
  const char *file; // of what it waits for
  int line;
  unsigned mask;
  void *payload;
  void (*complete)(void **, unsigned);
};

// Everything of one thread of the program; kernels may be launched from several at once.
struct Scheduler {
  Fiber fibers[kMaxThreads];
  int threads = 0, running = -1;
  void *main_stack = nullptr;
  std::vector<void *> free_stacks;
  void (*body)(void *) = nullptr;
  void *arguments = nullptr;
  bool failed = false;
  cudaError_t last_error = cudaSuccess;
  uint64_t random = 0;
  alignas(128) unsigned char shared[kMaxShared + kGuard];

  ~Scheduler() {
    for (void *stack : free_stacks)
      munmap(stack, kStackBytes);
  }
};

Scheduler &scheduler() {
  // Not a thread_local object: it is large, and a thread's static storage in a library loaded later is small.
  static thread_local struct Owner {
    Scheduler *scheduler = new Scheduler;
    ~Owner() { delete scheduler; }
  } owner;
  return *owner.scheduler;
}

void *take_stack(Scheduler &s) {
  if (!s.free_stacks.empty()) {
    void *stack = s.free_stacks.back();
    s.free_stacks.pop_back();
    return stack;
  }
  void *stack =
      mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (stack == MAP_FAILED || mprotect(stack, 4096, PROT_NONE) != 0) {
    fprintf(stderr, "halfstep: cuda-on-cpu: no memory for the stack of a fiber\n");
    abort();
  }
  return stack;
}

void leave(Scheduler &s) { halfstep_switch_stack(&s.fibers[s.running].top, s.main_stack); }

[[noreturn]] void fiber_main() {
  Scheduler &s = scheduler();
  s.body(s.arguments);
  s.fibers[s.running].state = DONE;
  leave(s);
  abort(); // a finished fiber is never resumed
}

void resume(Scheduler &s, int thread) {
  Fiber &fiber = s.fibers[thread];
  if (!fiber.started) {
    fiber.started = true;
    fiber.stack = take_stack(s);
    void **top = reinterpret_cast<void **>(static_cast<char *>(fiber.stack) + kStackBytes);
    *--top = nullptr; // where fiber_main would return to
    *--top = reinterpret_cast<void *>(fiber_main);
    for (int i = 0; i < 6; i++) // the registers that the switch restores
      *--top = nullptr;
    fiber.top = top;
  }
  fiber.state = RUNNING;
  s.running = thread;
  threadIdx = fiber.index;
  halfstep_switch_stack(&s.main_stack, fiber.top);
  s.running = -1;
  if (fiber.state == DONE) {
    s.free_stacks.push_back(fiber.stack);
    fiber.stack = nullptr;
  }
}

enum class Order { FORWARD, REVERSE, RANDOM };

struct Setting {
  Order order = Order::FORWARD;
  uint64_t seed = 1;
};

Setting setting() {
  static const Setting chosen = [] {
    Setting setting;
    const char *text = getenv("HALFSTEP_FIBERS");
    if (text == nullptr || strcmp(text, "forward") == 0)
      return setting;
    if (strcmp(text, "reverse") == 0) {
      setting.order = Order::REVERSE;
    } else if (strncmp(text, "random:", 7) == 0) {
      setting.order = Order::RANDOM;
      setting.seed = strtoull(text + 7, nullptr, 10) * 2 + 1;
    } else {
      fprintf(stderr, "halfstep: HALFSTEP_FIBERS is forward, reverse or random:SEED, not %s\n", text);
      abort();
    }
    return setting;
  }();
  return chosen;
}

// The numbers 0 .. count-1 in the chosen order.
void set_order(Scheduler &s, int *order, int count) {
  const Setting chosen = setting();
  for (int i = 0; i < count; i++)
    order[i] = chosen.order == Order::REVERSE ? count - 1 - i : i;
  if (chosen.order != Order::RANDOM)
    return;
  if (s.random == 0)
    s.random = chosen.seed;
  for (int i = count - 1; i > 0; i--) { // Fisher and Yates, with xorshift64
    s.random ^= s.random << 13;
    s.random ^= s.random >> 7;
    s.random ^= s.random << 17;
    const int other = static_cast<int>(s.random % static_cast<uint64_t>(i + 1));
    const int kept = order[i];
    order[i] = order[other];
    order[other] = kept;
  }
}

void report(Scheduler &s, const char *what, const char *file, int line) {
  const dim3 block = blockIdx;
  fprintf(stderr, "halfstep: cuda-on-cpu: %s: %s:%d, block (%u, %u, %u)", what, file, line, block.x, block.y,
          block.z);
  if (s.running >= 0)
    fprintf(stderr, ", thread %d", s.running);
  fprintf(stderr, "\n");
  s.failed = true;
}

// Nobody can run: all wait at one barrier, which opens, or they wait for each other.
void release_barrier(Scheduler &s) {
  const Fiber *first = nullptr;
  for (int t = 0; t < s.threads; t++) {
    const Fiber &fiber = s.fibers[t];
    if (fiber.state == DONE)
      continue;
    if (fiber.state == IN_WARP)
      return report(s, "threads wait for lanes that do not come", fiber.file, fiber.line);
    if (first == nullptr)
      first = &fiber;
    else if (fiber.line != first->line || fiber.file != first->file)
      return report(s, "threads wait at different barriers", fiber.file, fiber.line);
  }
  for (int t = 0; t < s.threads; t++)
    if (s.fibers[t].state == AT_BARRIER)
      s.fibers[t].state = READY;
}

// Runs the threads of a warp until all have finished or wait for other warps. Returns whether any ran.
bool run_warp(Scheduler &s, int first, int &live) {
  const int lanes = s.threads - first < kWarp ? s.threads - first : kWarp;
  bool ran = false, again = true;
  while (again && !s.failed) {
    again = false;
    int order[kWarp];
    set_order(s, order, lanes);
    for (int k = 0; k < lanes && !s.failed; k++) {
      Fiber &fiber = s.fibers[first + order[k]];
      if (fiber.state != READY)
        continue;
      ran = again = true;
      resume(s, first + order[k]);
      live -= fiber.state == DONE;
    }
  }
  return ran;
}

// A warp runs as far as it can before the next one does: what a warp that is ahead would spoil, shows.
void run_block(Scheduler &s) {
  const int warps = (s.threads + kWarp - 1) / kWarp;
  int live = s.threads;
  for (int t = 0; t < s.threads; t++) {
    s.fibers[t].state = READY;
    s.fibers[t].started = false;
  }
  while (live > 0 && !s.failed) {
    bool ran = false;
    int order[kMaxThreads / kWarp];
    set_order(s, order, warps);
    for (int k = 0; k < warps && !s.failed; k++)
      ran |= run_warp(s, order[k] * kWarp, live);
    if (!ran && !s.failed)
      release_barrier(s);
  }
  for (int t = 0; t < s.threads; t++) // what a failed launch left
    if (s.fibers[t].started && s.fibers[t].stack != nullptr) {
      s.free_stacks.push_back(s.fibers[t].stack);
      s.fibers[t].stack = nullptr;
    }
}

} // namespace

int run(dim3 grid, dim3 block, size_t shared_bytes, void (*body)(void *), void *arguments) {
  Scheduler &s = scheduler();
  const uint64_t threads = static_cast<uint64_t>(block.x) * block.y * block.z;
  if (s.running >= 0 || threads == 0 || threads > kMaxThreads || block.z > 64 || grid.x == 0 || grid.y == 0 ||
      grid.z == 0 || grid.x > kMaxGridX || grid.y > kMaxGridYZ || grid.z > kMaxGridYZ ||
      shared_bytes > kMaxShared) {
    s.last_error = cudaErrorInvalidConfiguration;
    return s.last_error;
  }
  s.threads = static_cast<int>(threads);
  s.body = body;
  s.arguments = arguments;
  s.failed = false;
  for (int t = 0; t < s.threads; t++) {
    const unsigned row = static_cast<unsigned>(t) / block.x;
    s.fibers[t].index = dim3(static_cast<unsigned>(t) % block.x, row % block.y, row / block.y);
  }
  gridDim = grid;
  blockDim = block;
  for (unsigned z = 0; z < grid.z && !s.failed; z++)
    for (unsigned y = 0; y < grid.y && !s.failed; y++)
      for (unsigned x = 0; x < grid.x && !s.failed; x++) {
        blockIdx = dim3(x, y, z);
        memset(s.shared, kPoison, shared_bytes);
        memset(s.shared + shared_bytes, kGuardByte, kGuard);
        run_block(s);
        for (size_t i = 0; i < kGuard && !s.failed; i++)
          if (s.shared[shared_bytes + i] != kGuardByte)
            report(s, "a thread wrote past the block's dynamic shared memory", __FILE__, __LINE__);
      }
  if (s.failed)
    s.last_error = cudaErrorLaunchFailure;
  return s.failed ? cudaErrorLaunchFailure : cudaSuccess;
}

void fail(const char *what, const char *file, int line) {
  Scheduler &s = scheduler();
  report(s, what, file, line);
  if (s.running >= 0)
    leave(s);
}

void wait_for_block(const char *file, int line) {
  Scheduler &s = scheduler();
  Fiber &fiber = s.fibers[s.running];
  fiber.state = AT_BARRIER;
  fiber.file = file;
  fiber.line = line;
  leave(s);
}

void wait_for_warp(unsigned mask, void *payload, void (*complete)(void **, unsigned), const char *file,
                   int line) {
  Scheduler &s = scheduler();
  const int first = s.running / kWarp * kWarp;
  Fiber &fiber = s.fibers[s.running];
  if (!(mask >> (s.running - first) & 1))
    fail("a lane is not in the mask that it names", file, line);
  fiber.state = IN_WARP;
  fiber.file = file;
  fiber.line = line;
  fiber.mask = mask;
  fiber.payload = payload;
  fiber.complete = complete;
  void *payloads[kWarp] = {};
  for (int lane = 0; lane < kWarp; lane++) {
    if (!(mask >> lane & 1))
      continue;
    if (first + lane >= s.threads)
      fail("a mask names lanes that the block does not have", file, line);
    const Fiber &other = s.fibers[first + lane];
    if (other.state == DONE)
      fail("a mask names a lane that has finished", file, line);
    if (other.state != IN_WARP || other.mask != mask || other.complete != complete || other.line != line ||
        other.file != file)
      return leave(s); // the last of the lanes completes the operation
    payloads[lane] = other.payload;
  }
  complete(payloads, mask);
  for (int lane = 0; lane < kWarp; lane++)
    if (mask >> lane & 1)
      s.fibers[first + lane].state = READY;
  fiber.state = RUNNING;
}

unsigned lane() { return static_cast<unsigned>(scheduler().running % kWarp); }

void *dynamic_shared_memory() { return scheduler().shared; }

} // namespace fibers

// ---- The runtime's functions ------------------------------------------------------------------------------

cudaError_t cudaGetLastError() {
  fibers::Scheduler &s = fibers::scheduler();
  const cudaError_t error = s.last_error;
  s.last_error = cudaSuccess;
  return error;
}

const char *cudaGetErrorName(cudaError_t error) {
  switch (error) {
  case cudaSuccess:
    return "cudaSuccess";
  case cudaErrorInvalidConfiguration:
    return "cudaErrorInvalidConfiguration";
  case cudaErrorLaunchFailure:
    return "cudaErrorLaunchFailure";
  case cudaErrorMemoryAllocation:
    return "cudaErrorMemoryAllocation";
  default:
    return "cudaErrorInvalidValue";
  }
}

const char *cudaGetErrorString(cudaError_t error) {
  switch (error) {
  case cudaSuccess:
    return "no error";
  case cudaErrorInvalidConfiguration:
    return "invalid launch configuration";
  case cudaErrorLaunchFailure:
    return "launch failed";
  case cudaErrorMemoryAllocation:
    return "out of memory";
  default:
    return "invalid value";
  }
}

cudaError_t cudaDeviceSynchronize() { return cudaSuccess; }

namespace {

// Before the memory lies a page with its size; after it, one that cannot be touched. What fills up the last
// 16 bytes must stay as it is.
constexpr size_t kPage = 4096, kVector = 16;
constexpr unsigned char kUntouched = 0xff;

size_t whole_vectors(size_t bytes) { return (bytes + kVector - 1) / kVector * kVector; }
size_t whole_pages(size_t bytes) { return (bytes + kPage - 1) / kPage * kPage; }

} // namespace

cudaError_t cudaMalloc(void **address, size_t bytes) {
  const size_t used = whole_vectors(bytes), pages = whole_pages(used);
  void *memory = mmap(nullptr, pages + 2 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    return cudaErrorMemoryAllocation;
  char *first = static_cast<char *>(memory);
  if (mprotect(first + kPage + pages, kPage, PROT_NONE) != 0)
    return cudaErrorMemoryAllocation;
  *reinterpret_cast<size_t *>(first) = bytes;
  *address = first + kPage + pages - used;
  memset(*address, kUntouched, used);
  return cudaSuccess;
}

cudaError_t cudaFree(void *address) {
  if (address == nullptr)
    return cudaSuccess;
  char *first = reinterpret_cast<char *>(reinterpret_cast<uintptr_t>(address) / kPage * kPage) - kPage;
  const size_t bytes = *reinterpret_cast<size_t *>(first), used = whole_vectors(bytes);
  for (size_t i = bytes; i < used; i++)
    if (static_cast<unsigned char *>(address)[i] != kUntouched) {
      fprintf(stderr, "halfstep: cuda-on-cpu: something wrote past the end of %zu bytes\n", bytes);
      return cudaErrorInvalidValue;
    }
  return munmap(first, whole_pages(used) + 2 * kPage) == 0 ? cudaSuccess : cudaErrorInvalidValue;
}

cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, cudaMemcpyKind) {
  memcpy(to, from, bytes);
  return cudaSuccess;
}
