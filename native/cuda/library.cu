// What the library says about itself.
#include "device.cuh"
#include "interface.h"

const char *hs_version(void) { return "0.2.0"; }

const char *hs_instruction_set(void) {
#ifdef __CUDACC__
  return "cuda";
#else
  return "cuda-on-cpu";
#endif
}

thread_local const char *hs_last_device_error = "device error";

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
