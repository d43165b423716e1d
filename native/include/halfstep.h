// The kernels of Halfstep behind one C interface. The same header has one body per backend.
//
// Every kernel has one shape: int f(stream, const struct *). The headers that halfstep_kernels.inc names have
// the structs, which say what each computes, and at their feet the kernels, with the struct that each takes.
//
// Rules for every kernel:
// - Images are NHWC; n counts samples, hw pixels, c channels; a "row" is one pixel of one sample.
// - `stream` orders work on a GPU and is ignored (may be NULL) on the CPU.
// - Returns HS_OK or an error status; hs_status_string() names it. Nothing is allocated, nothing is kept: the
//   struct may change or go when the kernel returns.
// - `dtype` is the storage type of activations (void pointers). Parameters, statistics, losses and optimizer
//   state are float32. Sums are formed in an order that does not depend on the number of threads.
// - Pointers marked "or NULL" may be NULL; all others that a kernel reads or writes must be valid.
// - `accumulate`: 0 overwrites, 1 adds. Flags are 0 or 1.
// - Fields that a kernel does not name may hold anything.
#ifndef HALFSTEP_H
#define HALFSTEP_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define HS_API __attribute__((visibility("default")))
#else
#define HS_API
#endif

typedef void *hs_stream;

enum hs_status { HS_OK = 0, HS_INVALID_ARGUMENT = 1, HS_UNSUPPORTED = 2, HS_DEVICE_ERROR = 3 };

// HS_U8: quantized activations, HS_F16: packed weights; each taken only where it is said.
enum hs_dtype { HS_F32 = 0, HS_BF16 = 1, HS_U8 = 2, HS_F16 = 3 };

// Functions of single numbers.
enum hs_function {
  HS_SILU = 1,      // x sigmoid(x)
  HS_RELU = 2,      // max(x, 0)
  HS_GELU = 3,      // x (1 + erf(x / sqrt(2))) / 2
  HS_GELU_TANH = 4, // x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2
  HS_QUICK_GELU = 5 // x sigmoid(1.702 x)
};

// ---- Library ----------------------------------------------------------------------------------------------
HS_API const char *hs_version(void);             // "0.2.0"
HS_API const char *hs_instruction_set(void);     // "x86-64-v4", "x86-64-v3" or "x86-64-v2": what runs here
HS_API const char *hs_status_string(int status); // never NULL
HS_API uint64_t hs_interface(void);          // another number where the kernels or their structs are others
HS_API int hs_thread_count(void);            // threads of a parallel region started by this thread
HS_API int hs_set_thread_count(int threads); // for parallel regions started by the calling thread

// ---- The kernels ------------------------------------------------------------------------------------------
#define HS_LAUNCH(function, arguments) HS_API int function(hs_stream stream, const struct arguments *args);
#define HS_LAUNCH_CPU(function, arguments) HS_LAUNCH(function, arguments)
#define HS_WORKSPACE(arguments)                                                                              \
  HS_API int64_t arguments##_workspace(const struct arguments *args, int32_t gradient);
#define HS_WORKSPACE_CPU(arguments) HS_WORKSPACE(arguments)
#include "halfstep_kernels.inc"

#ifdef __cplusplus
}
#endif

#endif
