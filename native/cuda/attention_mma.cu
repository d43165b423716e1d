#include "attention.cuh"
bool suits_tensor_cores(const hs_attention &, bool) { return false; }
int tensor_core_attention_forward(hs_stream, const hs_attention &) { return HS_UNSUPPORTED; }
int tensor_core_attention_backward(hs_stream, const hs_attention &) { return HS_UNSUPPORTED; }
