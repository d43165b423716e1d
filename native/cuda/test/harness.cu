#include "harness.h"

#include <cuda_runtime.h>

#include <cinttypes>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <random>
#include <set>

namespace {

int comparisons = 0, failures = 0;
uint64_t digest = 0; // of every value that the library under test wrote

// Kernels that were called since something was read, those whose results were read, and one that never
// counts.
std::set<std::string> called, compared;
std::string left_out;

struct Kernel {
  const char *name;
  bool everywhere;
};

constexpr Kernel kKernels[] = {
#define HS_LAUNCH(function, arguments) {#function, true},
#define HS_LAUNCH_CPU(function, arguments) {#function, false},
#define HS_WORKSPACE(arguments) {#arguments "_workspace", true},
#include "halfstep_kernels.inc"
};

uint16_t to_bf16(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

float from_bf16(uint16_t half) {
  const uint32_t bits = static_cast<uint32_t>(half) << 16;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

void failed(const std::string &what) {
  failures++;
  printf("%s\n", what.c_str());
}

void add_to_digest(const std::vector<double> &values) {
  for (double value : values) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    digest = (digest ^ bits) * 0x9e3779b97f4a7c15; // 2^64 divided by the golden ratio, as Knuth has it
    digest = digest << 29 | digest >> 35;
  }
}

void compare(const std::string &what, const Output &want, const Output &got) {
  comparisons++;
  double squares = 0.0;
  for (double value : want.values)
    squares += value * value;
  const double scale = sqrt(squares / static_cast<double>(want.values.size() + 1));
  for (size_t i = 0; i < want.values.size(); i++) {
    const double limit = want.tolerance * fmax(scale, fabs(want.values[i]));
    if (fabs(want.values[i] - got.values[i]) <= limit)
      continue;
    char numbers[128];
    snprintf(numbers, sizeof numbers, "[%zu]: the CPU has %.9g, this library %.9g", i, want.values[i],
             got.values[i]);
    failed(what + " " + want.name + numbers);
    return;
  }
}

} // namespace

void die(const std::string &what) {
  fprintf(stderr, "cuda_conformance: %s\n", what.c_str());
  exit(2);
}

Side::Side(const char *path, bool gpu) : library(dlopen(path, RTLD_NOW | RTLD_LOCAL)), gpu(gpu) {
  if (library == nullptr)
    die(dlerror());
}

void *Side::function(const char *name) const {
  void *address = dlsym(library, name);
  if (address == nullptr)
    die(std::string(name) + " is missing");
  return address;
}

void *Side::room(size_t bytes) {
  void *memory = nullptr;
  if (gpu) {
    if (cudaMalloc(&memory, bytes) != cudaSuccess)
      die("no device memory");
  } else if ((memory = aligned_alloc(64, (bytes + 127) / 64 * 64)) != nullptr) {
    memset(memory, 0xff, bytes);
  }
  owned.push_back(memory);
  return memory;
}

void *Side::numbers(int32_t dtype, int64_t count, unsigned seed, float spread) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.1f, spread);
  std::vector<float> floats(static_cast<size_t>(count));
  for (float &value : floats)
    value = normal(random);
  if (dtype == HS_F32)
    return put(floats);
  std::vector<uint16_t> halves;
  for (float value : floats)
    halves.push_back(to_bf16(value));
  return put(halves);
}

void Side::call(const char *kernel, const void *arguments) {
  const int status = reinterpret_cast<int (*)(hs_stream, const void *)>(function(kernel))(nullptr, arguments);
  if (status != HS_OK)
    die(std::string(kernel) + " returned " +
        reinterpret_cast<decltype(&hs_status_string)>(function("hs_status_string"))(status));
  if (gpu && cudaDeviceSynchronize() != cudaSuccess)
    die(std::string(kernel) + ": " + cudaGetErrorString(cudaGetLastError()));
  called.insert(kernel);
}

void *Side::workspace(const char *name, int32_t gradient, const std::function<int64_t(void *)> &bytes) {
  const int64_t size = bytes(function(name));
  if (size < 0)
    die(std::string(name) + (gradient ? " of a backward pass" : "") + " is negative");
  called.insert(name);
  return room(static_cast<size_t>(size));
}

void Side::read(const char *name, const void *from, int32_t dtype, int64_t count, double tolerance) {
  Output output = {name, {}, tolerance > 0.0 ? tolerance : dtype == HS_BF16 ? 9e-3 : 1e-5};
  const size_t size = static_cast<size_t>(count);
  if (dtype == HS_BF16) {
    std::vector<uint16_t> halves(size);
    copy(halves.data(), from, size * 2, false);
    for (uint16_t half : halves)
      output.values.push_back(static_cast<double>(from_bf16(half)));
  } else {
    std::vector<float> values(size);
    copy(values.data(), from, size * 4, false);
    for (float value : values)
      output.values.push_back(static_cast<double>(value));
  }
  keep(output);
}

void Side::read_doubles(const char *name, const double *from, int64_t count) {
  Output output = {name, std::vector<double>(static_cast<size_t>(count)), 1e-10};
  copy(output.values.data(), from, static_cast<size_t>(count) * 8, false);
  keep(output);
}

void Side::read_ints(const char *name, const int32_t *from, int64_t count) {
  std::vector<int32_t> values(static_cast<size_t>(count));
  copy(values.data(), from, values.size() * 4, false);
  keep({name, std::vector<double>(values.begin(), values.end()), 1e-30});
}

void Side::keep(Output output) {
  outputs.push_back(output);
  for (const std::string &kernel : called)
    if (kernel != left_out)
      compared.insert(kernel);
  called.clear();
}

std::vector<Output> Side::run(const std::function<void(Side &)> &body) {
  outputs.clear();
  body(*this);
  called.clear(); // what was called and never read
  for (void *memory : owned) {
    if (!gpu)
      free(memory);
    else if (cudaFree(memory) != cudaSuccess)
      die("memory could not be given back");
  }
  owned.clear();
  return outputs;
}

void Side::copy(void *to, const void *from, size_t bytes, bool up) {
  if (!gpu)
    memcpy(to, from, bytes);
  else if (bytes > 0 &&
           cudaMemcpy(to, from, bytes, up ? cudaMemcpyHostToDevice : cudaMemcpyDeviceToHost) != cudaSuccess)
    die("a copy failed");
}

Check::Check(Side &cpu, Side &other, const char *left_out_kernel) : cpu(cpu), other(other) {
  left_out = left_out_kernel != nullptr ? left_out_kernel : "";
}

void Check::operator()(const std::string &what, const std::function<void(Side &)> &body) const {
  const std::vector<Output> want = cpu.run(body), got = other.run(body), again = other.run(body);
  for (size_t k = 0; k < want.size(); k++) {
    compare(what, want[k], got[k]);
    add_to_digest(got[k].values);
    if (memcmp(got[k].values.data(), again[k].values.data(), got[k].values.size() * sizeof(double)) != 0)
      failed(what + " " + got[k].name + " differs from run to run");
  }
}

void Check::everything_was_compared() const {
  for (const Kernel &kernel : kKernels) {
    if (kernel.everywhere && compared.count(kernel.name) == 0)
      failed(std::string(kernel.name) + " was not compared: it needs a case at the foot of its source in native/cuda");
    // Where a kernel is the CPU's alone, nothing is looked at before the refusal.
    if (!kernel.everywhere && reinterpret_cast<int (*)(hs_stream, const void *)>(other.function(kernel.name))(
                                  nullptr, nullptr) != HS_UNSUPPORTED)
      failed(std::string(kernel.name) + " is not refused, and the list says that only the CPU has it");
  }
}

int Check::result() const {
  printf("digest %016" PRIx64 "\n%d comparisons, %d failed\n", digest, comparisons, failures);
  return failures == 0 ? 0 : 1;
}

std::string name_of(const char *what, int32_t dtype, std::initializer_list<int64_t> sizes) {
  std::string name = std::string(what) + (dtype == HS_BF16 ? " bf16" : " f32");
  for (int64_t size : sizes)
    name += " " + std::to_string(size);
  return name;
}
