// What the kernels of attention share: where a head lies, the sums that the backward pass needs, and which
// kernels there are. Tiles follow FlashAttention (Dao, Fu, Ermon, Rudra, Ré, 2022): the tq x tk scores are
// never stored, and the backward pass forms them again from the saved logsumexp. Gradients of queries come
// from a launch of their own, which forms the scores once more: adding them up across the blocks of keys
// would take atomics, and so change from run to run.
#ifndef HALFSTEP_CUDA_ATTENTION_CUH
#define HALFSTEP_CUDA_ATTENTION_CUH

#include "storage.cuh"

// Positions of one head of one sample, in elements: its gradients lie likewise. And how many of its keys take
// part.
struct Head {
  int64_t q, k, v, y, taken;

  __device__ Head(const hs_attention &args, int64_t unit) {
    const int64_t i = unit / args.heads, h = unit % args.heads;
    q = i * args.q_sample + h * args.q_head;
    k = i * args.k_sample + h * args.k_head;
    v = i * args.v_sample + h * args.v_head;
    y = i * args.y_sample + h * args.y_head;
    taken = args.tk;
    if (args.lengths != nullptr)
      taken = smaller(args.lengths[i] < 1 ? 1 : args.lengths[i], args.tk);
  }
};

// Of a block of queries or keys from `first` on, the columns that it has to do with: begin .. end.
struct Columns {
  int64_t begin, end;
};

__device__ inline Columns keys_of(const hs_attention &args, const Head &head, int64_t first, int rows) {
  return {0, args.causal ? smaller(first + rows, head.taken) : head.taken};
}

__device__ inline Columns queries_of(const hs_attention &args, int64_t first) {
  return {args.causal ? first : 0, args.tq};
}

__device__ inline bool sees(const hs_attention &args, const Head &head, int64_t query, int64_t key) {
  return key < head.taken && query < args.tq && (!args.causal || key <= query);
}

// The grid of kernels with a block per head and tile of `tile` of the tokens: x counts heads, y tiles.
inline dim3 attention_grid(const hs_attention &args, int64_t tokens, int tile) {
  return dim3(static_cast<unsigned>(args.n * args.heads), static_cast<unsigned>(ceil_div(tokens, tile)));
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
