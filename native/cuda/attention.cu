// Attention: arguments, the choice of kernels, and the sums that both kinds of backward pass start from.
#include "attention.cuh"

#include <stdlib.h>

static constexpr int32_t kMaxWidth = 1024;

// workspace[unit, query] = sum over channels of dy y: what the softmax subtracts from the gradient of its
// probabilities. One warp per query and head.
template <typename T> __global__ void row_products(hs_attention args) {
  const int64_t item = int64_t{blockIdx.x} * (blockDim.x / kWarp) + threadIdx.x / kWarp;
  if (item >= args.n * args.heads * args.tq)
    return; // the whole warp
  const Head head(args, item / args.tq);
  const int64_t at = head.y + item % args.tq * args.y_row;
  float sum = 0.0f;
  for (int j = static_cast<int>(threadIdx.x) % kWarp; j < args.d; j += kWarp)
    sum +=
        to_float(static_cast<const T *>(args.y)[at + j]) * to_float(static_cast<const T *>(args.dy)[at + j]);
  sum = warp_sum(sum);
  if (threadIdx.x % kWarp == 0)
    args.workspace[item] = sum;
}

static bool valid(const hs_attention *args) {
  return args && args->n >= 0 && args->tq >= 1 && args->tk >= 1 && args->heads >= 1 && args->d >= 1 &&
         args->q && args->k && args->v && args->y && is_dtype(args->dtype);
}

// For tests: HALFSTEP_ATTENTION=plain runs bfloat16 on ordinary arithmetic units as well.
static bool tensor_cores_wanted() {
  const char *wanted = getenv("HALFSTEP_ATTENTION");
  return wanted == nullptr || wanted[0] != 'p';
}

int64_t hs_attention_workspace(const struct hs_attention *args, int32_t gradient) {
  if (!gradient || !args || args->n <= 0 || args->tq <= 0 || args->heads <= 0 || args->d <= 0)
    return 0;
  return args->n * args->heads * args->tq * static_cast<int64_t>(sizeof(float));
}

int hs_attention_forward(hs_stream stream, const hs_attention *args) {
  HS_REQUIRE(valid(args));
  if (args->d > kMaxWidth || args->n * args->heads > kMaxIndex)
    return HS_UNSUPPORTED;
  if (suits_tensor_cores(*args, false) && tensor_cores_wanted())
    return tensor_core_attention_forward(stream, *args);
  return plain_attention_forward(stream, *args);
}

int hs_attention_backward(hs_stream stream, const hs_attention *args) {
  HS_REQUIRE(valid(args) && args->logsumexp && args->dy && args->dq && args->dk && args->dv &&
             args->workspace);
  if (args->d > kMaxWidth || args->n * args->heads > kMaxIndex)
    return HS_UNSUPPORTED;
  const int64_t blocks = ceil_div(args->n * args->heads * args->tq, kThreads / kWarp);
  if (blocks > kMaxIndex)
    return HS_UNSUPPORTED;
  HS_LAUNCHED(launch(args->dtype == HS_BF16 ? row_products<Bf16> : row_products<float>,
                     static_cast<unsigned>(blocks), kThreads, 0, stream, *args));
  if (suits_tensor_cores(*args, true) && tensor_cores_wanted())
    return tensor_core_attention_backward(stream, *args);
  return plain_attention_backward(stream, *args);
}
