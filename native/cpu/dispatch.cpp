// Binds each public kernel to the variant for the best instruction set of this processor when the library is
// loaded.
//
// HALFSTEP_ISA=v2|v3|v4 asks for a lower level (for tests); a level that the processor lacks is never chosen. v4
// means without products of bfloat16, which are used where the processor has them and no level is asked for.
#include "attention_bf16.h"
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

// The level that is asked for, or 0.
int wanted_level() {
  const char *wanted = std::getenv("HALFSTEP_ISA");
  const bool level =
      wanted != nullptr && std::strlen(wanted) == 2 && wanted[0] == 'v' && wanted[1] >= '2' && wanted[1] <= '4';
  return level ? wanted[1] - '0' : 0;
}

int chosen_level() {
  const int level = supported_level(), wanted = wanted_level();
  return wanted != 0 && wanted < level ? wanted : level;
}

} // namespace

bool multiplies_bf16() {
  static const bool answer = wanted_level() == 0 && supported_level() == 4 && __builtin_cpu_supports("avx512bf16");
  return answer;
}

const char *hs_instruction_set(void) {
  switch (chosen_level()) {
  case 4:
    return multiplies_bf16() ? "x86-64-v4 with bfloat16" : "x86-64-v4";
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
