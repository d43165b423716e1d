// The part of halfstep.h about steps of sampling and training: what happens to a network's images, losses,
// gradients and weights.
#ifndef HALFSTEP_STEPS_H
#define HALFSTEP_STEPS_H

// ---- Per-sample arithmetic (diffusion) --------------------------------------------------------------------
// hs_linear_combination: y[i,:] = sum over k < terms (1..4) of coefficients[k*n + i] * x_k[i,:]. y may be any
// x_k. x_k for k >= terms are ignored.
struct hs_linear_combination {
  int64_t n, per_sample;
  int32_t terms, dtype;
  const void *x0, *x1, *x2, *x3;
  const float *coefficients;
  void *y;
};

// hs_squared_distance: out[i] = sum over elements of (a[i,:] - b[i,:])^2, in double.
struct hs_squared_distance {
  int64_t n, per_sample;
  int32_t dtype;
  const void *a, *b;
  double *out;
};

// hs_softmax_cross_entropy: losses[i] = -log softmax(logits[i])[ids[i]]; dlogits = dloss * (softmax -
// onehot), or NULL. ids as in hs_embedding.
struct hs_softmax_cross_entropy {
  int64_t n, classes;
  float dloss;
  const float *logits; // [n,classes]
  const int32_t *ids;
  float *losses;
  float *dlogits; // or NULL
};

// ---- First stages in training -----------------------------------------------------------------------------
// The Gaussian that an encoder gives: of every pixel the means of its c channels, then the logarithms of
// their variances, which are clamped to [-30, 20]; s = exp(clamped / 2).
//
// hs_posterior_forward: z = mean + s * noise, and divergence[i] = the sum over a sample of
// (mean^2 + s^2 - 1 - clamped) / 2: the Kullback-Leibler divergence from the standard normal distribution,
// summed in double.
// hs_posterior_backward: the gradient of <dz, z> + weight * divergence; the logarithm of a variance that is
// clamped has none.
struct hs_posterior {
  int64_t n, hw, c;
  int32_t accumulate; // of dmoments
  float weight;
  const float *moments; // [n,hw,2c]
  const float *noise;   // [n,hw,c]
  float *z;             // [n,hw,c]      forward only, like the next
  float *divergence;    // [n]
  const float *dz;      // [n,hw,c]      backward only, like the next
  float *dmoments;      // like moments
};

// hs_picture_loss: how far pictures x are from y, by their numbers and by their edges. With e = x - y:
// losses[i] = (sum of |e| + edges * sum over d of sum over pairs of |e - e'|) / (h*w*c), where d is 1, 2, 4 to
// 2^(scales-1) and the pairs are the numbers of one channel that lie d rows or d columns apart. dx = factor *
// its gradient; |0| has none.
struct hs_picture_loss {
  int64_t n, h, w, c;
  int32_t scales; // 0..16
  float edges, factor;
  const float *x, *y; // [n,h,w,c]
  float *dx;          // like x
  double *losses;     // [n]
};

// ---- Optimizer over one flat slab -------------------------------------------------------------------------
// What changes from step to step lies where the kernel runs and is read then, so that a step can be recorded.
struct hs_adam_values {
  int64_t step; // counts from 1
  double lr, ema_decay;
  double clip_norm; // 0: no clipping
};

// hs_adam_step, Adam: g' = scale*g (+ weight_decay*p when !decoupled); m, v as usual; p *= 1 -
// lr*weight_decay first when decoupled; p -= lr/(1-beta1^step) * m / (sqrt(v/(1-beta2^step)) + eps); then,
// unless ema is NULL, ema = ema_decay*ema + (1-ema_decay)*p. scale is clip_norm / sqrt(*square_sum) where
// that is less than 1 and clip_norm > 0, else 1. Where *square_sum is infinite or not a number, nothing is
// written. m and v are stored as `state` says and widened to be computed with; p is updated with what was not
// rounded yet. In bfloat16, m is rounded to nearest, and v, which a slow decay changes by less than half a last
// place, at random: up with the probability of what is cut off, by the lower half of word e%4 of block e/4 of
// Philox, of sample `step` in draw 0 with the key `seed` (below), for element e.
struct hs_adam {
  int64_t count;
  double beta1, beta2, eps, weight_decay;
  int32_t decoupled; // 0 Adam, 1 AdamW
  int32_t state;     // of m and v: HS_F32 or HS_BF16
  uint64_t seed;     // of the rounding of v
  float *p;
  const float *g;
  void *m, *v;
  float *ema;   // or NULL
  void *p_bf16; // or NULL: the new p once more, rounded to bfloat16
  const struct hs_adam_values *values;
  const double *square_sum; // of all gradients; or NULL: no clipping
};

// hs_square_sum: *out = sum of squares; NaN and Inf propagate.
struct hs_square_sum {
  int64_t count;
  const float *x;
  double *out;
  double *workspace; // hs_square_sum_workspace bytes, or NULL where that is 0
};

// ---- Random numbers: Philox 4x32-10 -----------------------------------------------------------------------
// Block b of sample s in draw d: counter = {b, d, low32(s), high32(s)}, key = {low32(seed), high32(seed)}.
// Element e of a sample comes from block e/4, word e%4.
//
// hs_philox_normal: Box-Muller in double on word pairs (0,1) and (2,3): u1 = (w0 + 0.5) 2^-32,
// u2 = (w1 + 0.5) 2^-32, r = sqrt(-2 ln u1), even element r cos(2 pi u2), odd element r sin(2 pi u2). So
// element e of sample s is the same in any batch.
struct hs_philox_normal {
  int64_t n, per_sample;
  int32_t dtype;
  void *y;
  const void *key;           // a uint64 seed and, 8 bytes on, a uint32 draw, both read when the kernel runs
  const int64_t *sample_ids; // [n]
};

#endif

// The kernels, read as often as halfstep_kernels.inc is.
HS_LAUNCH(hs_linear_combination, hs_linear_combination)
HS_LAUNCH(hs_squared_distance, hs_squared_distance)
HS_LAUNCH(hs_softmax_cross_entropy, hs_softmax_cross_entropy)
HS_LAUNCH(hs_posterior_forward, hs_posterior)
HS_LAUNCH(hs_posterior_backward, hs_posterior)
HS_LAUNCH(hs_picture_loss, hs_picture_loss)
HS_LAUNCH(hs_adam_step, hs_adam)
HS_WORKSPACE(hs_square_sum)
HS_LAUNCH(hs_square_sum, hs_square_sum)
HS_LAUNCH(hs_philox_normal, hs_philox_normal)
