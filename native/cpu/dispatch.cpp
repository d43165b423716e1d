// Binds each public kernel to the variant for the best instruction set of this processor when the library is
// loaded.
//
// HALFSTEP_ISA=v2|v3|v4 asks for a lower level (for tests); a level that the processor lacks is never chosen.
#include "halfstep.h"

#include <cstdlib>
#include <cstring>

namespace {

int supported_level() {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v4"))
    return 4;
  return __builtin_cpu_supports("x86-64-v3") ? 3 : 2;
}

int chosen_level() {
  int level = supported_level();
  const char *wanted = std::getenv("HALFSTEP_ISA");
  if (wanted != nullptr && std::strlen(wanted) == 2 && wanted[0] == 'v' && wanted[1] >= '2' &&
      wanted[1] <= '4')
    level = wanted[1] - '0' < level ? wanted[1] - '0' : level;
  return level;
}

} // namespace

const char *hs_instruction_set(void) {
  switch (chosen_level()) {
  case 4:
    return "x86-64-v4";
  case 3:
    return "x86-64-v3";
  default:
    return "x86-64-v2";
  }
}

// An indirect function: the loader calls resolve_NAME once and binds NAME to what it returns.
#define HS_DISPATCH(name)                                                                                    \
  extern "C" decltype(name) name##_v2, name##_v3, name##_v4;                                                 \
  extern "C" __attribute__((used)) decltype(&name) resolve_##name() {                                        \
    int level = chosen_level();                                                                              \
    return level == 4 ? name##_v4 : level == 3 ? name##_v3 : name##_v2;                                      \
  }                                                                                                          \
  extern "C" decltype(name) name __attribute__((ifunc("resolve_" #name)));

#define HS_LAUNCH(function, arguments) HS_DISPATCH(function)
#define HS_LAUNCH_CPU(function, arguments) HS_DISPATCH(function)
#define HS_WORKSPACE(arguments) HS_DISPATCH(arguments##_workspace)
#define HS_WORKSPACE_CPU(arguments) HS_DISPATCH(arguments##_workspace)
#include "halfstep_kernels.inc"
