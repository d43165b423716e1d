// What only the CPU's library does; the list says which.
#include "halfstep.h"

#define HS_LAUNCH_CPU(function, arguments)                                                                   \
  int function(hs_stream, const struct arguments *) { return HS_UNSUPPORTED; }
#define HS_WORKSPACE_CPU(arguments)                                                                          \
  int64_t arguments##_workspace(const struct arguments *, int32_t) { return 0; }
#include "halfstep_kernels.inc"
