// What the library says about itself, and what only the CPU's library has.
#include "device.cuh"

const char *hs_version(void) { return "0.1.0"; }

const char *hs_instruction_set(void) {
#ifdef __CUDACC__
  return "cuda";
#else
  return "cuda-on-cpu";
#endif
}

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

int hs_thread_count(void) { return 1; } // of the host: a launch takes one

int hs_set_thread_count(int threads) { return threads < 1 ? HS_INVALID_ARGUMENT : HS_OK; }

// cuDNN convolves.

int hs_group_norm_quantize(hs_stream, const hs_group_norm *, const float *, const float *) { return HS_UNSUPPORTED; }

int hs_quantize(hs_stream, const void *, const void *, uint8_t *, const float *, const float *, int64_t, int64_t, int64_t,
                int32_t) {
  return HS_UNSUPPORTED;
}

int hs_winograd_pack(hs_stream, const float *, int64_t, int64_t, int64_t, int32_t, float *) { return HS_UNSUPPORTED; }

int64_t hs_winograd_workspace(int64_t, int64_t) { return 0; }

int hs_winograd_forward(hs_stream, const float *, const float *, const float *, const float *, float *, float *, int64_t,
                        int64_t, int64_t, int64_t, int64_t) {
  return HS_UNSUPPORTED;
}

int64_t hs_winograd_gradient_workspace(int64_t, int64_t) { return 0; }

int hs_winograd_gradient(hs_stream, const float *, const float *, float *, int64_t, float *, int64_t, int64_t, int64_t,
                         int64_t, int64_t) {
  return HS_UNSUPPORTED;
}
