// The part of halfstep.h about the processor's ceiling.
#ifndef HALFSTEP_CEILING_H
#define HALFSTEP_CEILING_H

// hs_cpu_multiply_adds: the processor's ceiling, for profiles. Float32 multiply-adds in registers on all
// threads, `turns` rounds of them; *operations counts two for each. The caller takes the time.
struct hs_cpu_multiply_adds {
  int64_t turns;
  double *operations;
};

#endif

// The kernels, read as often as halfstep_kernels.inc is.
HS_LAUNCH_CPU(hs_cpu_multiply_adds, hs_cpu_multiply_adds)
