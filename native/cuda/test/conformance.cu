// Runs every kernel of a library beside the CPU's, on equal inputs, and compares; twice, for equal bits.
//
//   cuda_conformance CPU_LIBRARY LIBRARY
//
// Memory of the library under test comes from cudaMalloc, so that compute-sanitizer sees every access; built
// for the CPU, every array ends at a page that cannot be touched. Ends with the number of comparisons, and
// status 1 when one failed.
#include "halfstep.h"

#include <cuda_runtime.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <functional>
#include <random>
#include <string>
#include <vector>

// The function of a side's library that the header declares.
#define HS(side, name) (reinterpret_cast<decltype(&name)>((side).function(#name)))

namespace {

int comparisons = 0, failures = 0;

[[noreturn]] void die(const std::string &what) {
  fprintf(stderr, "cuda_conformance: %s\n", what.c_str());
  exit(2);
}

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

struct Output {
  std::string name;
  std::vector<double> values;
  double tolerance; // relative to the root mean square, or to the value where that is larger
};

// One library with memory of its own, and what a case read from it.
class Side {
public:
  Side(const char *path, bool gpu) : library(dlopen(path, RTLD_NOW | RTLD_LOCAL)), gpu(gpu) {
    if (library == nullptr)
      die(dlerror());
  }

  void *function(const char *name) const {
    void *address = dlsym(library, name);
    if (address == nullptr)
      die(std::string(name) + " is missing");
    return address;
  }

  void *room(size_t bytes) {
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

  template <typename T> T *put(const std::vector<T> &values) {
    void *memory = room(values.size() * sizeof(T));
    copy(memory, values.data(), values.size() * sizeof(T), true);
    return static_cast<T *>(memory);
  }

  // Normal numbers, the same on both sides for a seed.
  void *numbers(int32_t dtype, int64_t count, unsigned seed, float spread = 1.0f) {
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

  float *floats(int64_t count, unsigned seed, float spread = 1.0f) {
    return static_cast<float *>(numbers(HS_F32, count, seed, spread));
  }

  void *output(int32_t dtype, int64_t count) {
    return room(static_cast<size_t>(count) * (dtype == HS_BF16 ? 2 : 4));
  }

  void done(const char *function, int status) {
    if (status != HS_OK)
      die(std::string(function) + " returned " + HS(*this, hs_status_string)(status));
    if (gpu && cudaDeviceSynchronize() != cudaSuccess)
      die(std::string(function) + ": " + cudaGetErrorString(cudaGetLastError()));
  }

  void read(const char *name, const void *from, int32_t dtype, int64_t count, double tolerance = 0.0) {
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
    outputs.push_back(output);
  }

  void read_doubles(const char *name, const double *from, int64_t count) {
    Output output = {name, std::vector<double>(static_cast<size_t>(count)), 1e-10};
    copy(output.values.data(), from, static_cast<size_t>(count) * 8, false);
    outputs.push_back(output);
  }

  std::vector<Output> run(const std::function<void(Side &)> &body) {
    outputs.clear();
    body(*this);
    for (void *memory : owned) {
      if (!gpu)
        free(memory);
      else if (cudaFree(memory) != cudaSuccess)
        die("memory could not be given back");
    }
    owned.clear();
    return outputs;
  }

private:
  void *library;
  bool gpu;
  std::vector<void *> owned;
  std::vector<Output> outputs;

  void copy(void *to, const void *from, size_t bytes, bool up) {
    if (!gpu)
      memcpy(to, from, bytes);
    else if (bytes > 0 &&
             cudaMemcpy(to, from, bytes, up ? cudaMemcpyHostToDevice : cudaMemcpyDeviceToHost) != cudaSuccess)
      die("a copy failed");
  }
};

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
    failures++;
    printf("%s %s[%zu]: the CPU has %.9g, this library %.9g\n", what.c_str(), want.name.c_str(), i,
           want.values[i], got.values[i]);
    return;
  }
}

struct Check {
  Side &cpu, &other;

  void operator()(const std::string &what, const std::function<void(Side &)> &body) const {
    const std::vector<Output> want = cpu.run(body), got = other.run(body), again = other.run(body);
    for (size_t k = 0; k < want.size(); k++) {
      compare(what, want[k], got[k]);
      if (memcmp(got[k].values.data(), again[k].values.data(), got[k].values.size() * sizeof(double)) != 0) {
        failures++;
        printf("%s %s differs from run to run\n", what.c_str(), got[k].name.c_str());
      }
    }
  }
};

std::string name_of(const char *what, int32_t dtype, std::initializer_list<int64_t> sizes) {
  std::string name = std::string(what) + (dtype == HS_BF16 ? " bf16" : " f32");
  for (int64_t size : sizes)
    name += " " + std::to_string(size);
  return name;
}

void elementwise(const Check &check, int32_t dtype, int64_t count) {
  check(name_of("elementwise", dtype, {count}), [=](Side &s) {
    const void *a = s.numbers(dtype, count, 1, 3), *b = s.numbers(dtype, count, 2);
    void *y = s.output(dtype, count), *sum = s.numbers(dtype, count, 3);
    s.done("hs_silu_forward", HS(s, hs_silu_forward)(nullptr, a, y, count, dtype));
    s.read("silu", y, dtype, count);
    s.done("hs_silu_backward", HS(s, hs_silu_backward)(nullptr, a, b, y, 0, count, dtype));
    s.read("slope", y, dtype, count);
    s.done("hs_silu_backward", HS(s, hs_silu_backward)(nullptr, a, b, sum, 1, count, dtype));
    s.read("slope added", sum, dtype, count);
    s.done("hs_add", HS(s, hs_add)(nullptr, a, b, y, count, dtype));
    s.read("sum", y, dtype, count);
    s.done("hs_clamp", HS(s, hs_clamp)(nullptr, a, y, -0.5f, 0.7f, count, dtype));
    s.read("clamped", y, dtype, count);
    for (int32_t to : {HS_F32, HS_BF16}) {
      void *converted = s.output(to, count);
      s.done("hs_convert", HS(s, hs_convert)(nullptr, a, dtype, converted, to, count));
      s.read("converted", converted, to, count);
    }
  });
}

void rows(const Check &check, int32_t dtype, int64_t n, int64_t hw, int64_t c) {
  check(name_of("rows", dtype, {n, hw, c}), [=](Side &s) {
    const int64_t count = n * hw * c, wide = c + 8;
    const void *x = s.numbers(dtype, count, 1), *big = s.numbers(dtype, n * hw * wide, 2);
    void *y = s.output(dtype, count);
    for (int32_t add : {0, 1}) {
      void *to = s.numbers(dtype, n * hw * wide, 3);
      s.done("hs_copy_columns",
             HS(s, hs_copy_columns)(nullptr, big, wide, 8, to, wide, 0, n * hw, c, add, dtype));
      s.read("columns", to, dtype, n * hw * wide);
    }
    s.done("hs_add_per_channel",
           HS(s, hs_add_per_channel)(nullptr, x, s.floats(n * (c + 3), 4), c + 3, y, n, hw, c, dtype));
    s.read("per channel", y, dtype, count);
    float *sums = s.floats(n * (c + 3), 5), *total = s.floats(c, 6);
    s.done("hs_sum_pixels", HS(s, hs_sum_pixels)(nullptr, x, sums, c + 3, n, hw, c, dtype));
    s.read("sum of pixels", sums, HS_F32, n * (c + 3));
    auto *workspace =
        static_cast<float *>(s.room(static_cast<size_t>(HS(s, hs_sum_rows_workspace)(n * hw, c))));
    for (int32_t add : {0, 1}) {
      s.done("hs_sum_rows", HS(s, hs_sum_rows)(nullptr, x, total, add, workspace, n * hw, c, dtype));
      s.read("sum of rows", total, HS_F32, c);
    }
    const void *in[4] = {x, s.numbers(dtype, count, 7), s.numbers(dtype, count, 8),
                         s.numbers(dtype, count, 9)};
    const float *factors = s.floats(4 * n, 10);
    for (int32_t terms = 1; terms <= 4; terms++) {
      s.done("hs_linear_combination", HS(s, hs_linear_combination)(nullptr, y, terms, in[0], in[1], in[2],
                                                                   in[3], factors, n, hw * c, dtype));
      s.read("combination", y, dtype, count);
    }
    auto *distances = static_cast<double *>(s.room(static_cast<size_t>(n) * 8));
    s.done("hs_squared_distance", HS(s, hs_squared_distance)(nullptr, x, in[1], distances, n, hw * c, dtype));
    s.read_doubles("distance", distances, n);
  });
}

void resample(const Check &check, int32_t dtype, int64_t n, int64_t h, int64_t w, int64_t c) {
  check(name_of("resample", dtype, {n, h, w, c}), [=](Side &s) {
    const int64_t count = n * h * w * c, small = n * (h / 2) * (w / 2) * c;
    const void *x = s.numbers(dtype, count, 1), *dbig = s.numbers(dtype, 4 * count, 2);
    const void *dsmall = s.numbers(dtype, small, 3);
    void *big = s.output(dtype, 4 * count), *little = s.output(dtype, small);
    s.done("hs_upsample2_forward", HS(s, hs_upsample2_forward)(nullptr, x, big, n, h, w, c, dtype));
    s.read("doubled", big, dtype, 4 * count);
    s.done("hs_downsample2_forward", HS(s, hs_downsample2_forward)(nullptr, x, little, n, h, w, c, dtype));
    s.read("halved", little, dtype, small);
    for (int32_t add : {0, 1}) {
      void *dx = s.numbers(dtype, count, 4);
      s.done("hs_upsample2_backward",
             HS(s, hs_upsample2_backward)(nullptr, dbig, dx, add, n, h, w, c, dtype));
      s.read("gradient of doubling", dx, dtype, count);
      s.done("hs_downsample2_backward",
             HS(s, hs_downsample2_backward)(nullptr, dsmall, dx, add, n, h, w, c, dtype));
      s.read("gradient of halving", dx, dtype, count);
      const int64_t out = n * ((h + 2 - 3) / 2 + 1) * ((w + 2 - 3) / 2 + 1) * c;
      void *pooled = s.output(dtype, out);
      s.done("hs_pool", HS(s, hs_pool)(nullptr, x, pooled, add, 3, 3, 2, 1, 1, n, h, w, c, dtype));
      s.read("pooled", pooled, dtype, out);
    }
  });
}

void small_kernels(const Check &check) {
  check("embeddings", [](Side &s) {
    const int64_t n = 5, classes = 33, dim = 131;
    const int32_t *ids = s.put(std::vector<int32_t>{3, 0, 32, 3, 17});
    float *y = s.floats(n * dim, 1), *table = s.floats(classes * dim, 2),
          *logits = s.floats(n * classes, 3, 20);
    s.done("hs_sinusoid", HS(s, hs_sinusoid)(nullptr, s.floats(n, 4), 1000, 10000, y, n, dim));
    s.read("sinusoid", y, HS_F32, n * dim);
    s.done("hs_embedding_forward", HS(s, hs_embedding_forward)(nullptr, table, ids, y, 1, n, classes, dim));
    s.read("rows", y, HS_F32, n * dim);
    s.done("hs_embedding_backward", HS(s, hs_embedding_backward)(nullptr, y, ids, table, n, classes, dim));
    s.read("gradient of the table", table, HS_F32, classes * dim);
    float *losses = s.floats(n, 5), *dlogits = s.floats(n * classes, 6);
    s.done("hs_softmax_cross_entropy",
           HS(s, hs_softmax_cross_entropy)(nullptr, logits, ids, losses, dlogits, 0.2f, n, classes));
    s.read("losses", losses, HS_F32, n);
    s.read("gradient of the logits", dlogits, HS_F32, n * classes);
  });
  for (int32_t dtype : {HS_F32, HS_BF16})
    for (int64_t in : {3, 40})
      check(name_of("filter", dtype, {in}), [=](Side &s) {
        const int64_t stride = 43, out = 21, taps = 9, packed_in = 40, packed_out = 24,
                      count = packed_out * taps * packed_in;
        void *packed = s.output(dtype, count);
        float *weight = s.floats(out * stride * taps, 1), *back = s.floats(out * stride * taps, 2);
        s.done("hs_filter_pack", HS(s, hs_filter_pack)(nullptr, weight, stride, in, out, taps, packed,
                                                       packed_in, packed_out, dtype));
        s.read("packed", packed, dtype, count);
        s.done("hs_filter_unpack", HS(s, hs_filter_unpack)(nullptr, packed, packed_in, packed_out, back,
                                                           stride, in, out, taps, dtype));
        s.read("unpacked", back, HS_F32, out * stride * taps);
      });
}

void optimizer(const Check &check, int64_t count, int32_t decoupled) {
  check(name_of("optimizer", HS_F32, {count, decoupled}), [=](Side &s) {
    float *ema = s.floats(count, 5), *g = s.floats(count, 2);
    auto *sum = static_cast<double *>(s.room(8));
    auto *workspace =
        static_cast<double *>(s.room(static_cast<size_t>(HS(s, hs_square_sum_workspace)(count))));
    s.done("hs_square_sum", HS(s, hs_square_sum)(nullptr, g, sum, workspace, count));
    s.read_doubles("square sum", sum, 1);
    hs_adam args = {};
    args.count = count;
    args.step = 3;
    args.lr = 1e-3;
    args.beta1 = 0.9;
    args.beta2 = 0.999;
    args.eps = 1e-8;
    args.weight_decay = 0.1;
    args.ema_decay = 0.9;
    args.gradient_scale = 0.7f;
    args.decoupled = decoupled;
    args.p = s.floats(count, 1);
    args.g = g;
    args.m = s.floats(count, 3, 0.1f);
    args.v = s.put(std::vector<float>(static_cast<size_t>(count), 0.5f));
    args.ema = ema;
    args.p_bf16 = s.output(HS_BF16, count);
    s.done("hs_adam_step", HS(s, hs_adam_step)(nullptr, &args));
    const hs_adam_values *values = s.put(std::vector<hs_adam_values>{{4, 2e-3, 0.8, 1.0}});
    s.done("hs_adam_step_from", HS(s, hs_adam_step_from)(nullptr, &args, values, sum));
    s.read("parameters", args.p, HS_F32, count);
    s.read("m", args.m, HS_F32, count);
    s.read("v", args.v, HS_F32, count);
    s.read("bf16", args.p_bf16, HS_BF16, count);
    s.done("hs_ema_update", HS(s, hs_ema_update)(nullptr, ema, args.p, 0.99, count));
    s.read("average", ema, HS_F32, count);
  });
}

void random_numbers(const Check &check, int32_t dtype, int64_t each) {
  check(name_of("random", dtype, {each}), [=](Side &s) {
    const int64_t n = 3;
    const int64_t *ids = s.put(std::vector<int64_t>{7, 0x123456789a, -1});
    const uint32_t *draw = s.put(std::vector<uint32_t>{11});
    const uint64_t *key = s.put(std::vector<uint64_t>{0x0123456789abcdef, 5});
    float *uniform = s.floats(n * each, 1);
    void *y = s.output(dtype, n * each);
    s.done("hs_philox_uniform", HS(s, hs_philox_uniform)(nullptr, uniform, 99, ids, 7, n, each));
    s.read("uniform", uniform, HS_F32, n * each, 1e-30); // the very same bits
    s.done("hs_philox_normal", HS(s, hs_philox_normal)(nullptr, y, 99, ids, 7, n, each, dtype));
    s.read("normal", y, dtype, n * each);
    s.done("hs_philox_normal_from", HS(s, hs_philox_normal_from)(nullptr, y, key, ids, n, each, dtype));
    s.read("normal, key in memory", y, dtype, n * each);
    s.done("hs_dropout", HS(s, hs_dropout)(nullptr, s.numbers(dtype, n * each, 2), y, 0.3f, 99, ids, draw, 2,
                                           n, each, dtype));
    s.read("dropout", y, dtype, n * each);
  });
}

void group_norm(const Check &check, int32_t dtype, int64_t n, int64_t hw, int64_t c0, int64_t c1,
                int32_t groups, bool modulated, bool silu, bool add) {
  check(name_of("group norm", dtype, {n, hw, c0, c1, groups, modulated, silu, add}), [=](Side &s) {
    const int64_t c = c0 + c1;
    hs_group_norm a = {};
    a.n = n;
    a.hw = hw;
    a.c0 = c0;
    a.c1 = c1;
    a.groups = groups;
    a.silu = silu;
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
    const size_t forward = static_cast<size_t>(HS(s, hs_group_norm_workspace)(n, hw, c, groups, 0));
    const size_t backward = static_cast<size_t>(HS(s, hs_group_norm_workspace)(n, hw, c, groups, 1));
    a.workspace = static_cast<float *>(s.room(forward));
    s.done("hs_group_norm_forward", HS(s, hs_group_norm_forward)(nullptr, &a));
    s.read("y", a.y, dtype, n * hw * c);
    s.read("statistics", a.stats, HS_F32, n * groups * 2);
    a.dy = s.numbers(dtype, n * hw * c, 8);
    a.dx0 = s.numbers(dtype, n * hw * c0, 9);
    a.dx1 = c1 > 0 ? s.numbers(dtype, n * hw * c1, 10) : nullptr;
    a.accumulate0 = add;
    a.accumulate1 = add;
    a.dweight = s.floats(c, 11);
    a.dbias = s.floats(c, 12);
    a.workspace = static_cast<float *>(s.room(backward));
    s.done("hs_group_norm_backward", HS(s, hs_group_norm_backward)(nullptr, &a));
    s.read("dx0", a.dx0, dtype, n * hw * c0);
    if (c1 > 0)
      s.read("dx1", a.dx1, dtype, n * hw * c1);
    s.read("dweight", a.dweight, HS_F32, c, 1e-4);
    s.read("dbias", a.dbias, HS_F32, c, 1e-4);
    if (modulated)
      s.read("dmodulation", a.dmodulation, HS_F32, n * 2 * c, 1e-4);
  });
}

void attention(const Check &check, int32_t dtype, int64_t n, int64_t t, int32_t heads, int32_t d,
               int32_t order) {
  check(name_of("attention", dtype, {n, t, heads, d, order}), [=](Side &s) {
    const int64_t count = n * t * heads * d;
    hs_attention a = {};
    a.n = n;
    a.t = t;
    a.heads = heads;
    a.d = d;
    a.order = order;
    a.dtype = dtype;
    a.qkv = s.numbers(dtype, 3 * count, 1);
    a.y = s.output(dtype, count);
    a.logsumexp = s.floats(n * heads * t, 2);
    s.done("hs_attention_forward", HS(s, hs_attention_forward)(nullptr, &a));
    // In bfloat16 probabilities are rounded too, before tensor cores multiply with them.
    const double tolerance = dtype == HS_BF16 ? 3e-2 : 2e-5;
    s.read("y", a.y, dtype, count, tolerance);
    s.read("logsumexp", a.logsumexp, HS_F32, n * heads * t, 1e-5);
    a.dy = s.numbers(dtype, count, 3);
    a.dqkv = s.output(dtype, 3 * count);
    a.workspace =
        static_cast<float *>(s.room(static_cast<size_t>(HS(s, hs_attention_workspace)(n, t, heads, d, 1))));
    s.done("hs_attention_backward", HS(s, hs_attention_backward)(nullptr, &a));
    s.read("dqkv", a.dqkv, dtype, 3 * count, tolerance);
  });
}

} // namespace

int main(int count, char **arguments) {
  if (count != 3)
    die("expected: cuda_conformance CPU_LIBRARY LIBRARY");
  Side cpu(arguments[1], false), other(arguments[2], true);
  const Check check = {cpu, other};
  for (int32_t dtype : {HS_F32, HS_BF16}) {
    for (int64_t size : {int64_t{1}, int64_t{4099}, int64_t{8192}})
      elementwise(check, dtype, size);
    rows(check, dtype, 3, 35, 37);
    rows(check, dtype, 2, 64, 48);
    rows(check, dtype, 1, 301, 264);
    resample(check, dtype, 2, 7, 5, 33);
    resample(check, dtype, 1, 8, 6, 64);
    random_numbers(check, dtype, 777);
    random_numbers(check, dtype, 1024);
    group_norm(check, dtype, 2, 35, 33, 0, 11, false, true, false);
    group_norm(check, dtype, 3, 20, 5, 7, 3, true, true, true);
    group_norm(check, dtype, 2, 300, 64, 32, 32, true, false, true);
    group_norm(check, dtype, 1, 256, 192, 0, 32, true, true, false);
    group_norm(check, dtype, 2, 64, 1536, 512, 32, false, true, false);
    attention(check, dtype, 2, 49, 3, 20, HS_ATTENTION_LEGACY);
    attention(check, dtype, 1, 130, 2, 64, HS_ATTENTION_NEW);
    attention(check, dtype, 1, 70, 2, 32, HS_ATTENTION_LEGACY);
    attention(check, dtype, 1, 65, 1, 128, HS_ATTENTION_NEW);
    attention(check, dtype, 1, 37, 1, 300, HS_ATTENTION_LEGACY);
    attention(check, dtype, 1, 9, 1, 600, HS_ATTENTION_LEGACY);
  }
  small_kernels(check);
  optimizer(check, 9001, 0);
  optimizer(check, 8192, 1);
  printf("%d comparisons, %d failed\n", comparisons, failures);
  return failures == 0 ? 0 : 1;
}
