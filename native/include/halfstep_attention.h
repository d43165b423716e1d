// The part of halfstep.h about attention.
#ifndef HALFSTEP_ATTENTION_H
#define HALFSTEP_ATTENTION_H

// ---- Attention: y = softmax(scale q k^T) v per head (d > 1024: HS_UNSUPPORTED) ----------------------------
// Queries [n,tq,heads,d], keys and values [n,tk,heads,d] lie anywhere: channel j of row r of head h of sample
// i of q is element i*q_sample + r*q_row + h*q_head + j behind q, and likewise for the others. So they may be
// parts of one projection, in any order, or come from different tensors. Gradients have the strides of what
// they are gradients of.
//
// hs_attention_forward, hs_attention_backward.
struct hs_attention {
  int64_t n, tq, tk; // samples, queries and keys of each
  int32_t heads, d;
  int32_t causal; // 1: query i sees keys 0..i only
  int32_t dtype;
  const void *q, *k, *v;
  void *y;                         // written by forward, read by backward
  int64_t q_sample, q_row, q_head; // in elements
  int64_t k_sample, k_row, k_head;
  int64_t v_sample, v_row, v_head;
  int64_t y_sample, y_row, y_head;
  const int32_t *lengths; // or NULL; [n]: only so many keys take part (as the nearest of 1..tk)
  float *logsumexp;       // [n,heads,tq] of the scaled scores; or NULL in forward when no backward follows
  const void *dy;         // backward only, like all that follow
  void *dq, *dk, *dv;     // overwritten; zero for keys that take no part
  float *workspace;       // hs_attention_workspace bytes
  float scale;            // usually 1 / sqrt(d)
};

#endif

// The kernels, read as often as halfstep_kernels.inc is.
HS_WORKSPACE(hs_attention)
HS_LAUNCH(hs_attention_forward, hs_attention)
HS_LAUNCH(hs_attention_backward, hs_attention)
