// What the library says about itself, and the number of threads.
#include "interface.h"

#include <omp.h>

const char *hs_version(void) { return "0.2.0"; }

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
    return "device error";
  default:
    return "unknown status";
  }
}

int hs_thread_count(void) { return omp_get_max_threads(); }

int hs_set_thread_count(int threads) {
  if (threads < 1)
    return HS_INVALID_ARGUMENT;
  omp_set_num_threads(threads);
  return HS_OK;
}
