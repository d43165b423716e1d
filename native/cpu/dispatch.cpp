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

HS_DISPATCH(hs_group_norm_workspace)
HS_DISPATCH(hs_group_norm_forward)
HS_DISPATCH(hs_group_norm_backward)
HS_DISPATCH(hs_group_norm_quantize)
HS_DISPATCH(hs_quantize)
HS_DISPATCH(hs_attention_workspace)
HS_DISPATCH(hs_attention_forward)
HS_DISPATCH(hs_attention_backward)
HS_DISPATCH(hs_channel_moments)
HS_DISPATCH(hs_group_norm_table)
HS_DISPATCH(hs_group_norm_apply)
HS_DISPATCH(hs_winograd_pack)
HS_DISPATCH(hs_winograd_workspace)
HS_DISPATCH(hs_winograd_forward)
HS_DISPATCH(hs_winograd_gradient)
HS_DISPATCH(hs_pointwise_pack)
HS_DISPATCH(hs_pointwise_workspace)
HS_DISPATCH(hs_pointwise_forward)
HS_DISPATCH(hs_pointwise_gradient)
HS_DISPATCH(hs_filter_pack)
HS_DISPATCH(hs_filter_unpack)
HS_DISPATCH(hs_silu_forward)
HS_DISPATCH(hs_silu_backward)
HS_DISPATCH(hs_add)
HS_DISPATCH(hs_upsample2_forward)
HS_DISPATCH(hs_upsample2_backward)
HS_DISPATCH(hs_downsample2_forward)
HS_DISPATCH(hs_downsample2_backward)
HS_DISPATCH(hs_pool)
HS_DISPATCH(hs_copy_columns)
HS_DISPATCH(hs_add_per_channel)
HS_DISPATCH(hs_sum_pixels)
HS_DISPATCH(hs_sum_rows_workspace)
HS_DISPATCH(hs_sum_rows)
HS_DISPATCH(hs_dropout)
HS_DISPATCH(hs_convert)
HS_DISPATCH(hs_sinusoid)
HS_DISPATCH(hs_embedding_forward)
HS_DISPATCH(hs_embedding_backward)
HS_DISPATCH(hs_linear_combination)
HS_DISPATCH(hs_squared_distance)
HS_DISPATCH(hs_clamp)
HS_DISPATCH(hs_softmax_cross_entropy)
HS_DISPATCH(hs_adam_step)
HS_DISPATCH(hs_adam_step_from)
HS_DISPATCH(hs_ema_update)
HS_DISPATCH(hs_square_sum_workspace)
HS_DISPATCH(hs_square_sum)
HS_DISPATCH(hs_cpu_multiply_adds)
HS_DISPATCH(hs_philox_uniform)
HS_DISPATCH(hs_philox_normal)
HS_DISPATCH(hs_philox_normal_from)
