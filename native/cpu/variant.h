// Names of the variants: a kernel source is compiled once per instruction set level (HS_LEVEL = v2, v3, v4),
// and HS_KERNEL(hs_add) names that level's body of hs_add. Everything else in a kernel source must be static.
// (A struct is named with `struct`: some kernels have the name of theirs.)
#ifndef HALFSTEP_CPU_VARIANT_H
#define HALFSTEP_CPU_VARIANT_H

#include "halfstep.h"

#define HS_JOIN_EXPANDED(name, level) name##_##level
#define HS_JOIN(name, level) HS_JOIN_EXPANDED(name, level)
#define HS_NAME(name) HS_JOIN(name, HS_LEVEL)
#define HS_KERNEL(name) extern "C" int HS_NAME(name)
#define HS_SIZES(name) extern "C" int64_t HS_NAME(name) // of a workspace

// Leaves the kernel when an argument is out of its documented range.
#define HS_REQUIRE(condition)                                                                                \
  do {                                                                                                       \
    if (!(condition))                                                                                        \
      return HS_INVALID_ARGUMENT;                                                                            \
  } while (false)

#endif
