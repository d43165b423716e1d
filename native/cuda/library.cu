// What the library says about itself.
#include "device.cuh"
#include "interface.h"

#include <stdlib.h>
#include <string.h>

const char *hs_version(void) { return "0.2.0"; }

const char *hs_instruction_set(void) {
#ifdef __CUDACC__
  return "cuda";
#else
  return "cuda-on-cpu";
#endif
}

thread_local const char *hs_last_device_error = "device error";

bool hs_launches_overlap() {
#ifdef __CUDACC__
  static const bool overlap = [] {
    const char *const asked = getenv("HALFSTEP_CUDA_EARLY");
    int device = 0, major = 0;
    return asked && strcmp(asked, "1") == 0 && cudaGetDevice(&device) == cudaSuccess &&
           cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device) == cudaSuccess &&
           major >= 9;
  }();
  return overlap;
#else
  return false;
#endif
}

uint64_t hs_interface(void) { return interface_of_list(); }

const char *hs_status_string(int status) {
  switch (status) {
  case HS_OK:
    return "ok";
  case HS_INVALID_ARGUMENT:
    return "invalid argument";
  case HS_UNSUPPORTED:
    return "unsupported";
  case HS_DEVICE_ERROR:
    return hs_last_device_error;
  default:
    return "unknown status";
  }
}

int hs_thread_count(void) { return 1; } // of the host: a launch takes one

int hs_set_thread_count(int threads) { return threads < 1 ? HS_INVALID_ARGUMENT : HS_OK; }
