// What the kernels of attention share: where a head lies, the sums that the backward pass needs, and which
// kernels there are. Tiles follow FlashAttention (Dao, Fu, Ermon, Rudra, Ré, 2022): the t x t scores are
// never stored, and the backward pass forms them again from the saved logsumexp. Gradients of queries come
// from a launch of their own, which forms the scores once more: adding them up across the blocks of keys
// would take atomics, and so change from run to run.
#ifndef HALFSTEP_CUDA_ATTENTION_CUH
#define HALFSTEP_CUDA_ATTENTION_CUH

#include "storage.cuh"

// Positions of one head of one sample, in elements.
struct Head {
  int64_t q, k, v, row; // in qkv; from one token to the next
  int64_t y, y_row;

  __device__ Head(const hs_attention &args, int64_t unit) {
    const int64_t i = unit / args.heads, h = unit % args.heads, d = args.d;
    row = 3 * args.heads * d;
    const bool legacy = args.order == HS_ATTENTION_LEGACY;
    const int64_t step = legacy ? d : args.heads * d;
    q = i * args.t * row + (legacy ? h * 3 * d : h * d);
    k = q + step;
    v = k + step;
    y_row = args.heads * d;
    y = i * args.t * y_row + h * d;
  }
};

// The grid of kernels with a block per head and tile of `tile` tokens: x counts heads, y tiles.
inline dim3 attention_grid(const hs_attention &args, int tile) {
  return dim3(static_cast<unsigned>(args.n * args.heads), static_cast<unsigned>(ceil_div(args.t, tile)));
}

// For any head width up to 1024, float32 or bfloat16, on ordinary arithmetic units.
int plain_attention_forward(hs_stream stream, const hs_attention &args);
int plain_attention_backward(hs_stream stream,
                             const hs_attention &args); // args.workspace holds the row products

// For bfloat16 heads that suit the tensor cores.
bool suits_tensor_cores(const hs_attention &args, bool backward);
int tensor_core_attention_forward(hs_stream stream, const hs_attention &args);
int tensor_core_attention_backward(hs_stream stream, const hs_attention &args);

#endif
