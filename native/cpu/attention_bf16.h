// Attention forward on processors that multiply pairs of bfloat16 (AVX512_BF16).
#ifndef HALFSTEP_CPU_ATTENTION_BF16_H
#define HALFSTEP_CPU_ATTENTION_BF16_H

#include "halfstep.h"

// Heads up to this wide.
static constexpr int64_t kMaxPairedWidth = 256;

// Whether this processor has such products and they are asked for (dispatch.cpp).
bool multiplies_bf16();

// args is checked, bfloat16, and its d is even and kMaxPairedWidth at most.
int attention_forward_bf16(const hs_attention *args);

static inline bool attention_multiplies_bf16(const hs_attention *args) {
  return args->dtype == HS_BF16 && args->d % 2 == 0 && args->d <= kMaxPairedWidth && multiplies_bf16();
}

#endif
