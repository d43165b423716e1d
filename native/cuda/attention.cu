// Attention: arguments, the choice of kernels, and the sums that both kinds of backward pass start from.
#ifndef HS_CASES
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

#else // ---- What is compared with the CPU's ----------------------------------------------------------------
#include "test/harness.h"

#include <cmath>

// Queries, and keys and values of `tk` other tokens (0: of the same ones, from one projection in which the q,
// k and v of a head lie side by side).
namespace {

struct AttentionCase {
  int64_t n, tq, tk;
  int32_t heads, d;
  bool causal = false, lengths = false;
};

} // namespace

static void attention(const Check &check, int32_t dtype, AttentionCase c) {
  check(name_of("attention", dtype, {c.n, c.tq, c.tk, c.heads, c.d, c.causal, c.lengths}), [=](Side &s) {
    const int64_t width = c.heads * c.d, queries = c.n * c.tq * width, size = dtype == HS_BF16 ? 2 : 4;
    const auto behind = [=](const void *address, int64_t elements) {
      return const_cast<char *>(static_cast<const char *>(address)) + elements * size;
    };
    struct hs_attention a = {};
    a.n = c.n;
    a.tq = c.tq;
    a.tk = c.tk == 0 ? c.tq : c.tk;
    a.heads = c.heads;
    a.d = c.d;
    a.causal = c.causal;
    a.scale = 1.0f / sqrtf(static_cast<float>(c.d));
    a.dtype = dtype;
    a.y_head = c.d;
    a.y_row = width;
    a.y_sample = c.tq * width;
    a.y = s.output(dtype, queries);
    a.logsumexp = s.floats(c.n * c.heads * c.tq, 2);
    const int64_t keys = c.n * a.tk * 2 * width;
    void *dq, *dkv = nullptr;
    if (c.tk == 0) {
      a.q = s.numbers(dtype, 3 * queries, 1);
      a.k = behind(a.q, c.d);
      a.v = behind(a.q, 2 * c.d);
      dq = a.dq = s.output(dtype, 3 * queries);
      a.dk = behind(a.dq, c.d);
      a.dv = behind(a.dq, 2 * c.d);
      a.q_head = a.k_head = a.v_head = 3 * c.d;
      a.q_row = a.k_row = a.v_row = 3 * width;
      a.q_sample = a.k_sample = a.v_sample = c.tq * 3 * width;
    } else {
      a.q = s.numbers(dtype, queries, 1);
      a.k = s.numbers(dtype, keys, 4);
      a.v = behind(a.k, width);
      dq = a.dq = s.output(dtype, queries);
      dkv = a.dk = s.output(dtype, keys);
      a.dv = behind(a.dk, width);
      a.q_head = a.k_head = a.v_head = c.d;
      a.q_row = width;
      a.q_sample = c.tq * width;
      a.k_row = a.v_row = 2 * width;
      a.k_sample = a.v_sample = a.tk * 2 * width;
    }
    if (c.lengths) {
      std::vector<int32_t> lengths;
      for (int64_t i = 0; i < c.n; i++)
        lengths.push_back(static_cast<int32_t>(a.tk - i * 5)); // one of them below 1
      a.lengths = s.put(lengths);
    }
    HS_CALL(s, hs_attention_forward, a);
    // In bfloat16 probabilities are rounded too, before tensor cores multiply with them; where a sample has
    // few keys, that does not average out.
    const double tolerance = dtype == HS_F32 ? 2e-5 : c.lengths ? 5e-2 : 3e-2;
    s.read("y", a.y, dtype, queries, tolerance);
    s.read("logsumexp", a.logsumexp, HS_F32, c.n * c.heads * c.tq, 1e-5);
    a.dy = s.numbers(dtype, queries, 3);
    a.workspace = static_cast<float *>(HS_ROOM(s, hs_attention, a, 1));
    HS_CALL(s, hs_attention_backward, a);
    s.read("dq", dq, dtype, c.tk == 0 ? 3 * queries : queries, tolerance);
    if (dkv != nullptr)
      s.read("dkv", dkv, dtype, keys, tolerance);
  });
}

static const Cases cases([](const Check &check) {
  for (int32_t dtype : {HS_F32, HS_BF16}) {
    attention(check, dtype, {2, 49, 0, 3, 20});
    attention(check, dtype, {1, 130, 0, 2, 64});
    attention(check, dtype, {1, 70, 0, 2, 32});
    attention(check, dtype, {1, 65, 0, 1, 128});
    attention(check, dtype, {1, 37, 0, 1, 300});
    attention(check, dtype, {1, 9, 0, 1, 600});
    attention(check, dtype, {1, 70, 77, 2, 40});
    attention(check, dtype, {1, 33, 5, 1, 160});
    attention(check, dtype, {2, 1, 77, 3, 8});
    attention(check, dtype, {1, 77, 0, 2, 80, true});
    attention(check, dtype, {1, 130, 0, 1, 80, true}); // three tiles of rows, a last one of two
    attention(check, dtype, {2, 77, 0, 2, 16, true});
    attention(check, dtype, {1, 9, 0, 1, 96, true});
    attention(check, dtype, {3, 20, 7, 2, 24, false, true});
    attention(check, dtype, {3, 67, 0, 1, 64, false, true});
    attention(check, dtype, {2, 10, 9, 1, 512, false, true});
  }
});
#endif
