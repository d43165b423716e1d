// One library beside another: memory of its own for each, calls by name, what was read compared.
#ifndef HALFSTEP_CUDA_TEST_HARNESS_H
#define HALFSTEP_CUDA_TEST_HARNESS_H

#include "halfstep.h"

#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

template <typename Function> struct Takes;
template <typename Struct> struct Takes<int (*)(hs_stream, const Struct *)> { typedef Struct Arguments; };

// Calls a kernel of a side with a struct that is there, or with one made of the fields that are named.
#define HS_CALL(side, kernel, arguments)                                                                     \
  do {                                                                                                       \
    const Takes<decltype(&kernel)>::Arguments &checked = (arguments);                                        \
    (side).call(#kernel, &checked);                                                                          \
  } while (false)
#define HS_RUN(side, kernel, ...)                                                                            \
  do {                                                                                                       \
    const Takes<decltype(&kernel)>::Arguments made = {__VA_ARGS__};                                          \
    (side).call(#kernel, &made);                                                                             \
  } while (false)

// Room for the workspace of kernels that take such a struct, `gradient` as the header says.
#define HS_ROOM(side, type, arguments, gradient)                                                             \
  (side).workspace(#type "_workspace", (gradient), [&](void *function) {                                     \
    return reinterpret_cast<decltype(&type##_workspace)>(function)(&(arguments), (gradient));                \
  })

struct Output {
  std::string name;
  std::vector<double> values;
  double tolerance; // relative to the root mean square, or to the value where that is larger
};

[[noreturn]] void die(const std::string &what);

// One library with memory of its own, and what a case read from it.
class Side {
public:
  Side(const char *path, bool gpu);

  void *function(const char *name) const;
  void *room(size_t bytes);

  template <typename T> T *put(const std::vector<T> &values) {
    void *memory = room(values.size() * sizeof(T));
    copy(memory, values.data(), values.size() * sizeof(T), true);
    return static_cast<T *>(memory);
  }

  // Normal numbers, the same on both sides for a seed.
  void *numbers(int32_t dtype, int64_t count, unsigned seed, float spread = 1.0f);

  float *floats(int64_t count, unsigned seed, float spread = 1.0f) {
    return static_cast<float *>(numbers(HS_F32, count, seed, spread));
  }

  void *output(int32_t dtype, int64_t count) {
    return room(static_cast<size_t>(count) * (dtype == HS_BF16 ? 2 : 4));
  }

  // Calls a kernel. What is read next counts as compared for it.
  void call(const char *kernel, const void *arguments);
  void *workspace(const char *name, int32_t gradient, const std::function<int64_t(void *)> &bytes);

  void read(const char *name, const void *from, int32_t dtype, int64_t count, double tolerance = 0.0);
  void read_doubles(const char *name, const double *from, int64_t count);
  void read_ints(const char *name, const int32_t *from, int64_t count);

  std::vector<Output> run(const std::function<void(Side &)> &body);

private:
  void *library;
  bool gpu;
  std::vector<void *> owned;
  std::vector<Output> outputs;

  void copy(void *to, const void *from, size_t bytes, bool up);
  void keep(Output output);
};

// Runs a case on both sides, on the second twice, for equal bits.
class Check {
public:
  // `left_out`: a kernel that counts as not compared; or NULL.
  Check(Side &cpu, Side &other, const char *left_out);

  void operator()(const std::string &what, const std::function<void(Side &)> &body) const;

  // Every kernel of the list was compared, or is the CPU's alone and refused elsewhere.
  void everything_was_compared() const;

  // Prints a digest of all results of the library under test, how many comparisons there were and how many
  // things were wrong, and returns the program's status.
  int result() const;

private:
  Side &cpu, &other;
};

std::string name_of(const char *what, int32_t dtype, std::initializer_list<int64_t> sizes);

// What a source of kernels compares: one at its foot, behind HS_CASES, run by the program that it is linked to.
class Cases {
public:
  typedef void (*Run)(const Check &);

  explicit Cases(Run run) { all().push_back(run); }

  // Those of all sources, in the order in which they were linked.
  static std::vector<Run> &all() {
    static std::vector<Run> runs;
    return runs;
  }
};

#endif
