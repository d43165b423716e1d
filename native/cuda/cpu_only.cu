// What only the CPU's library does. A function that the header gains needs a body here or in a kernel source:
// bindings and tests look for all of them.
#include "halfstep.h"

int hs_cpu_multiply_adds(int64_t, double *) { return HS_UNSUPPORTED; }

// cuDNN convolves.

int hs_group_norm_quantize(hs_stream, const hs_group_norm *, const float *, const float *) {
  return HS_UNSUPPORTED;
}

int hs_quantize(hs_stream, const void *, const void *, uint8_t *, const float *, const float *, int64_t,
                int64_t, int64_t, int32_t) {
  return HS_UNSUPPORTED;
}

int hs_channel_moments(hs_stream, const void *, float *, int64_t, int64_t, int64_t, int32_t) { return HS_UNSUPPORTED; }

int hs_group_norm_table(hs_stream, const hs_group_norm *, const float *, const float *, float *) { return HS_UNSUPPORTED; }

int hs_group_norm_apply(hs_stream, const hs_group_norm *, const float *) { return HS_UNSUPPORTED; }

int hs_winograd_pack(hs_stream, int32_t, const float *, int64_t, int64_t, int64_t, int32_t, float *) {
  return HS_UNSUPPORTED;
}

int64_t hs_winograd_workspace(const hs_winograd *, int32_t) { return 0; }

int hs_winograd_forward(hs_stream, const hs_winograd *) { return HS_UNSUPPORTED; }

int hs_winograd_gradient(hs_stream, const hs_winograd *) { return HS_UNSUPPORTED; }

int hs_pointwise_pack(hs_stream, const float *, int64_t, int64_t, int64_t, int32_t, float *) { return HS_UNSUPPORTED; }

int64_t hs_pointwise_workspace(const hs_pointwise *, int32_t) { return 0; }

int hs_pointwise_forward(hs_stream, const hs_pointwise *) { return HS_UNSUPPORTED; }

int hs_pointwise_gradient(hs_stream, const hs_pointwise *) { return HS_UNSUPPORTED; }
