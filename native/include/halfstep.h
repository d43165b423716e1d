// The kernels of Halfstep behind one C interface. The same header has one body per backend.
//
// Rules for every function:
// - Images are NHWC; n counts samples, hw pixels, c channels; a "row" is one pixel of one sample.
// - `stream` orders work on a GPU and is ignored (may be NULL) on the CPU.
// - Returns HS_OK or an error status; hs_status_string() names it. Nothing is allocated, nothing is kept.
// - `dtype` is the storage type of activations (void pointers). Parameters, statistics, losses and optimizer
//   state are float32. Sums are formed in an order that does not depend on the number of threads.
// - Pointers marked "or NULL" may be NULL; all others must be valid. Accumulate flags: 0 overwrites, 1 adds.
#ifndef HALFSTEP_H
#define HALFSTEP_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define HS_API __attribute__((visibility("default")))
#else
#define HS_API
#endif

typedef void *hs_stream;

enum hs_status { HS_OK = 0, HS_INVALID_ARGUMENT = 1, HS_UNSUPPORTED = 2, HS_DEVICE_ERROR = 3 };
enum hs_dtype { HS_F32 = 0, HS_BF16 = 1, HS_U8 = 2 }; // HS_U8: quantized activations; taken only where it is said
enum hs_attention_order {
  HS_ATTENTION_LEGACY = 0, // channel of qkv = ((head * 3) + {q,k,v}) * d + j
  HS_ATTENTION_NEW = 1     // channel of qkv = ({q,k,v} * heads + head) * d + j
};

// ---- Library ----------------------------------------------------------------------------------------------
HS_API const char *hs_version(void);                // "0.2.0"
HS_API const char *hs_instruction_set(void);        // "x86-64-v4", "x86-64-v3" or "x86-64-v2": what runs here
HS_API const char *hs_status_string(int status);    // never NULL
HS_API int hs_thread_count(void);                   // threads of a parallel region started by this thread
HS_API int hs_set_thread_count(int threads);        // for parallel regions started by the calling thread
// The processor's ceiling, for profiles (CPU only): float32 multiply-adds in registers on all threads, `turns` rounds of them;
// *operations counts two for each. The caller takes the time.
HS_API int hs_cpu_multiply_adds(int64_t turns, double *operations);

// ---- Group normalisation, with modulation and SiLU fused ---------------------------------------------------
// The input is the channel concatenation of two sources: x0 [n,hw,c0] and x1 [n,hw,c1] (c1 = 0: none); groups may
// straddle the seam. y = f((1 + scale) * (weight * (x - mean) * rstd + bias) + shift), f = SiLU or identity.
// modulation row i: scale at modulation[i*modulation_stride + 0..c), shift at [... + c..2c), c = c0 + c1.
typedef struct hs_group_norm {
  int64_t n, hw, c0, c1;
  int32_t groups, silu, dtype;
  float eps;
  const void *x0, *x1;
  const float *weight, *bias;      // [c]
  const float *modulation;         // or NULL: no modulation
  int64_t modulation_stride;       // in floats
  void *y;                         // [n,hw,c]           written by forward
  float *stats;                    // [n,groups,2]: mean, rstd; written by forward, read by backward
  const void *dy;                  // [n,hw,c]           backward only, like all that follow
  void *dx0, *dx1;                 // like x0, x1
  int32_t accumulate0, accumulate1;
  float *dweight, *dbias;          // [c], overwritten
  float *dmodulation;              // or NULL; rows as modulation, overwritten
  int64_t dmodulation_stride;
  float *workspace;                // hs_group_norm_workspace(...) bytes
} hs_group_norm;
HS_API int64_t hs_group_norm_workspace(int64_t n, int64_t hw, int64_t c, int32_t groups, int32_t backward); // bytes, forward 0 allowed
HS_API int hs_group_norm_forward(hs_stream stream, const hs_group_norm *args);
HS_API int hs_group_norm_backward(hs_stream stream, const hs_group_norm *args);

// ---- Quantization: activations as bytes ------------------------------------------------------------------------
// A byte q stands for (q - zero) * scale: q = min(max(x / scale + zero, 0), 255) rounded to the nearest, halves up; a NaN
// becomes 0. (CPU only: elsewhere HS_UNSUPPORTED.) `scale` (above 0) and `zero` (an integer in 0..255) point to one float each, read when the kernel runs.
// hs_group_norm_forward whose y is such bytes; SiLU may be off by 2e-4 of its size before it is rounded.
HS_API int hs_group_norm_quantize(hs_stream stream, const hs_group_norm *args, const float *scale, const float *zero);
// y [rows,c0+c1] from the rows of x0 [rows,c0] and x1 [rows,c1] (c1 = 0: none) side by side.
HS_API int hs_quantize(hs_stream stream, const void *x0, const void *x1, uint8_t *y, const float *scale, const float *zero, int64_t rows, int64_t c0, int64_t c1, int32_t dtype);

// ---- Attention over t tokens, softmax(q k^T / sqrt(d)) v per head (d > 1024: HS_UNSUPPORTED) --------------------
typedef struct hs_attention {
  int64_t n, t;
  int32_t heads, d, order, dtype;
  const void *qkv;                 // [n,t,3*heads*d]
  void *y;                         // [n,t,heads*d]      written by forward, read by backward
  float *logsumexp;                // [n,heads,t] of the scaled scores; or NULL in forward when no backward follows
  const void *dy;                  // [n,t,heads*d]
  void *dqkv;                      // like qkv, overwritten
  float *workspace;                // hs_attention_workspace(...) bytes
} hs_attention;
HS_API int64_t hs_attention_workspace(int64_t n, int64_t t, int32_t heads, int32_t d, int32_t backward); // bytes
HS_API int hs_attention_forward(hs_stream stream, const hs_attention *args);
HS_API int hs_attention_backward(hs_stream stream, const hs_attention *args);

// ---- Group normalisation in parts (CPU only) ------------------------------------------------------------------
// So that statistics are taken where a value is made and the norm is applied where it is read. The moments of a value are
// [n,2,c]: per sample and channel the mean over the pixels and the sum of squared deviations from it.
HS_API int hs_channel_moments(hs_stream stream, const void *x, float *moments, int64_t n, int64_t hw, int64_t c, int32_t dtype);
// From the moments of the two sources (moments1 NULL when c1 = 0): args->stats, and table [n,3,c] with the rows mean, factor and
// offset, y = f((x - mean) * factor + offset). Of args it reads the sizes, groups, eps, weight, bias and modulation.
HS_API int hs_group_norm_table(hs_stream stream, const hs_group_norm *args, const float *moments0, const float *moments1, float *table);
// y from x0, x1 and the table: what is left of hs_group_norm_forward.
HS_API int hs_group_norm_apply(hs_stream stream, const hs_group_norm *args, const float *table);

// ---- 3x3 convolution, stride 1, padding 1, float32, by Winograd's F(2x2,3x3) or F(4x4,3x3) (CPU only) ------------------
// in = in0 + in1; in0 and in1 must be multiples of 16, out of 32. Reads x = f((source - mean) * factor + offset) by the table of
// hs_group_norm_table, or the sources as they are where table is NULL; what lies outside the image is zero after that.
typedef struct hs_winograd {
  int64_t n, h, w, in0, in1, out;
  int32_t tile;                    // 2 or 4: side of the output tiles
  int32_t silu;                    // f with a table: SiLU or identity
  const float *x0, *x1;            // [n,h,w,in0], [n,h,w,in1] or NULL when in1 = 0
  const float *table;              // or NULL; [n,3,in]
  const float *packed;             // of hs_winograd_pack               forward only, like the next four
  const float *bias;               // or NULL; [out]
  const float *residual;           // or NULL; like y, may be y
  float *y;                        // [n,h,w,out] = convolution + bias + residual
  float *moments;                  // or NULL; those of y, [n,2,out]
  const float *dy;                 // [n,h,w,out]                       gradient only, like the next three
  float *dweight;                  // [out,stride,3,3], its first `in` input channels; overwritten
  int64_t stride;
  float *dbias;                    // or NULL; [out], overwritten
  float *workspace;                // hs_winograd_workspace(...) bytes
} hs_winograd;
// packed ((tile+2)^2*in*out floats, in a layout of the kernel's own) from weight [out,stride,3,3] whose first `in` input channels
// are read; transposed: from weight [in,stride,3,3], its taps rotated by 180 degrees, for the gradient of a convolution's input.
HS_API int hs_winograd_pack(hs_stream stream, int32_t tile, const float *weight, int64_t stride, int64_t in, int64_t out, int32_t transposed, float *packed);
HS_API int64_t hs_winograd_workspace(const hs_winograd *args, int32_t gradient); // bytes, from the sizes alone; 0 where the library lacks these functions (HS_UNSUPPORTED: CUDA)
// The same bits for any number of threads, and for a sample in any batch.
HS_API int hs_winograd_forward(hs_stream stream, const hs_winograd *args);
// The gradients of weight and bias.
HS_API int hs_winograd_gradient(hs_stream stream, const hs_winograd *args);

// ---- 1x1 convolution and linear layer, float32 (CPU only) -----------------------------------------------------------------
// in = in0 + in1. Reads x = f((source - mean) * factor + offset) by the table of hs_group_norm_table, or the sources as they are
// where table is NULL.
typedef struct hs_pointwise {
  int64_t n, hw, in0, in1, out;
  const float *x0, *x1;            // [n,hw,in0], [n,hw,in1] or NULL when in1 = 0
  const float *table;              // or NULL; [n,3,in]
  const float *packed;             // of hs_pointwise_pack              forward only, like the next four
  const float *bias;               // or NULL; [out]
  const float *residual;           // or NULL; like y, may be y
  float *y;                        // [n,hw,out] = x W + bias + residual
  float *moments;                  // or NULL; those of y, [n,2,out]
  const float *dy;                 // [n,hw,out]                        gradient only, like the next three
  float *dweight;                  // [out,stride], its first `in` columns; overwritten
  int64_t stride;
  float *dbias;                    // or NULL; [out], overwritten
  float *workspace;                // hs_pointwise_workspace(...) bytes
  int32_t silu;                    // f with a table: SiLU or identity
} hs_pointwise;
// packed (in times out rounded up to a multiple of 32 floats, in a layout of the kernel's own) from weight [out,stride] whose first
// `in` columns are read; transposed: from weight [in,stride] and its first `out` columns, for the gradient of x.
HS_API int hs_pointwise_pack(hs_stream stream, const float *weight, int64_t stride, int64_t in, int64_t out, int32_t transposed, float *packed);
HS_API int64_t hs_pointwise_workspace(const hs_pointwise *args, int32_t gradient); // bytes, from the sizes alone; 0 where the library lacks these functions (HS_UNSUPPORTED: CUDA)
// The same bits for any number of threads, and for a sample in any batch.
HS_API int hs_pointwise_forward(hs_stream stream, const hs_pointwise *args);
// The gradients of weight and bias; the same bits for any number of threads.
HS_API int hs_pointwise_gradient(hs_stream stream, const hs_pointwise *args);

// ---- Filters of convolutions, between the layout of checkpoints and that of NHWC convolutions ------------------------
// packed [packed_out,taps,packed_in] from weight [out,stride,taps], whose first `in` input channels are read; what is not
// there is zero. taps = kernel height times width.
HS_API int hs_filter_pack(hs_stream stream, const float *weight, int64_t stride, int64_t in, int64_t out, int64_t taps, void *packed, int64_t packed_in, int64_t packed_out, int32_t dtype);
// The way back, for a gradient: the first `in` input channels of weight [out,stride,taps], overwritten.
HS_API int hs_filter_unpack(hs_stream stream, const void *packed, int64_t packed_in, int64_t packed_out, float *weight, int64_t stride, int64_t in, int64_t out, int64_t taps, int32_t dtype);

// ---- Elementwise and resampling -----------------------------------------------------------------------------
HS_API int hs_silu_forward(hs_stream stream, const void *x, void *y, int64_t count, int32_t dtype);
HS_API int hs_silu_backward(hs_stream stream, const void *x, const void *dy, void *dx, int32_t accumulate, int64_t count, int32_t dtype);
HS_API int hs_add(hs_stream stream, const void *a, const void *b, void *y, int64_t count, int32_t dtype);   // y may be a or b
// Nearest x2: y [n,2h,2w,c] from x [n,h,w,c] (forward: also HS_U8); backward sums each 2x2.
HS_API int hs_upsample2_forward(hs_stream stream, const void *x, void *y, int64_t n, int64_t h, int64_t w, int64_t c, int32_t dtype);
HS_API int hs_upsample2_backward(hs_stream stream, const void *dy, void *dx, int32_t accumulate, int64_t n, int64_t h, int64_t w, int64_t c, int32_t dtype);
// 2x2 mean: y [n,h/2,w/2,c] from x [n,h,w,c]; an odd last row or column is dropped (its gradient is zero).
HS_API int hs_downsample2_forward(hs_stream stream, const void *x, void *y, int64_t n, int64_t h, int64_t w, int64_t c, int32_t dtype);
HS_API int hs_downsample2_backward(hs_stream stream, const void *dy, void *dx, int32_t accumulate, int64_t n, int64_t h, int64_t w, int64_t c, int32_t dtype);
// y [n,oh,ow,c] from x [n,h,w,c], oh = (h + 2 row_padding - rows) / stride + 1, ow likewise: the mean (average 1) or the
// largest (0) of the pixels of a rows x columns window that lie inside the image; padding must be smaller than the window.
HS_API int hs_pool(hs_stream stream, const void *x, void *y, int32_t average, int32_t rows, int32_t columns, int32_t stride, int32_t row_padding, int32_t column_padding, int64_t n, int64_t h, int64_t w, int64_t c, int32_t dtype);
// Copies `columns` columns of each row: dst[r, dst_offset + j] (+)= src[r, src_offset + j]. Strides and offsets in elements.
HS_API int hs_copy_columns(hs_stream stream, const void *src, int64_t src_stride, int64_t src_offset, void *dst, int64_t dst_stride, int64_t dst_offset, int64_t rows, int64_t columns, int32_t accumulate, int32_t dtype);
// y[i,p,:] = x[i,p,:] + e[i*e_stride + :]; its gradient for e is hs_sum_pixels of dy. y may be x.
HS_API int hs_add_per_channel(hs_stream stream, const void *x, const float *e, int64_t e_stride, void *y, int64_t n, int64_t hw, int64_t c, int32_t dtype);
// out[i*out_stride + :] = sum over pixels of x[i,:,:]; overwritten.
HS_API int hs_sum_pixels(hs_stream stream, const void *x, float *out, int64_t out_stride, int64_t n, int64_t hw, int64_t c, int32_t dtype);
// out[:] (+)= sum over rows of x [rows,c] (a bias gradient). workspace: hs_sum_rows_workspace(rows, c) bytes.
HS_API int64_t hs_sum_rows_workspace(int64_t rows, int64_t c);
HS_API int hs_sum_rows(hs_stream stream, const void *x, float *out, int32_t accumulate, float *workspace, int64_t rows, int64_t c, int32_t dtype);
// Inverted dropout: y = x * mask / (1 - p). The mask is Philox (seed, sample_ids[i], draw) at the element's index, so the
// backward pass is the same call on dy. sample_ids [n]; draw_pointer points to one uint32 read when the kernel runs. y may be x.
// Each layer has a key of its own: {low32(seed), high32(seed) ^ (0x9E3779B9 * (layer + 1))}. Word w drops where w < p 2^32.
HS_API int hs_dropout(hs_stream stream, const void *x, void *y, float p, uint64_t seed, const int64_t *sample_ids, const uint32_t *draw_pointer, uint32_t layer, int64_t n, int64_t per_sample, int32_t dtype);
HS_API int hs_convert(hs_stream stream, const void *src, int32_t src_dtype, void *dst, int32_t dst_dtype, int64_t count); // bf16: round to nearest even

// ---- Embeddings -----------------------------------------------------------------------------------------------
// y[i] = [cos(a f_0) .. cos(a f_h-1), sin(a f_0) ..], a = scale * t[i], f_k = max_period^(-k/h), h = dim/2; an odd dim ends
// with 0. Angles are formed in double.
HS_API int hs_sinusoid(hs_stream stream, const float *t, double scale, double max_period, float *y, int64_t n, int64_t dim);
HS_API int hs_embedding_forward(hs_stream stream, const float *table, const int32_t *ids, float *y, int32_t accumulate, int64_t n, int64_t rows, int64_t dim);
// dtable [rows,dim], overwritten (rows not named become zero); equal ids add up. ids outside 0..rows-1: HS_INVALID_ARGUMENT.
// (A GPU's ids are out of the host's sight: there such a row of y, and a loss, is NaN, and its gradient goes nowhere.)
HS_API int hs_embedding_backward(hs_stream stream, const float *dy, const int32_t *ids, float *dtable, int64_t n, int64_t rows, int64_t dim);

// ---- Per-sample arithmetic (diffusion) ------------------------------------------------------------------------
// y[i,:] = sum over k < terms (1..4) of coefficients[k*n + i] * x_k[i,:]. y may be any x_k. x_k for k >= terms are ignored.
HS_API int hs_linear_combination(hs_stream stream, void *y, int32_t terms, const void *x0, const void *x1, const void *x2, const void *x3, const float *coefficients, int64_t n, int64_t per_sample, int32_t dtype);
// out[i] = sum over elements of (a[i,:] - b[i,:])^2, in double.
HS_API int hs_squared_distance(hs_stream stream, const void *a, const void *b, double *out, int64_t n, int64_t per_sample, int32_t dtype);
HS_API int hs_clamp(hs_stream stream, const void *x, void *y, float low, float high, int64_t count, int32_t dtype); // y may be x
// losses[i] = -log softmax(logits[i])[ids[i]]; dlogits = dloss * (softmax - onehot), or NULL.
HS_API int hs_softmax_cross_entropy(hs_stream stream, const float *logits, const int32_t *ids, float *losses, float *dlogits, float dloss, int64_t n, int64_t classes);

// ---- Optimizer over one flat slab -------------------------------------------------------------------------------
// Adam: g' = scale*g (+ weight_decay*p when !decoupled); m, v as usual; p *= 1 - lr*weight_decay first when decoupled;
// p -= lr/(1-beta1^step) * m / (sqrt(v/(1-beta2^step)) + eps); then, unless ema is NULL, ema = ema_decay*ema + (1-ema_decay)*p.
typedef struct hs_adam {
  int64_t count, step;             // step counts from 1
  double lr, beta1, beta2, eps, weight_decay, ema_decay;
  float gradient_scale;            // clipping factor
  int32_t decoupled;               // 0 Adam, 1 AdamW
  float *p;
  const float *g;
  float *m, *v, *ema;              // ema or NULL
  void *p_bf16;                    // or NULL: the new p once more, rounded to bfloat16
} hs_adam;
HS_API int hs_adam_step(hs_stream stream, const hs_adam *args);
// The same step for a recorded launch: what changes from step to step lies where the kernel runs and is read then; the fields
// step, lr, ema_decay and gradient_scale of args are not. The gradient is scaled by clip_norm / sqrt(*square_sum) where that
// is less than 1 and clip_norm > 0. Where *square_sum is infinite or not a number, nothing is written. NULL: no scaling.
typedef struct hs_adam_values {
  int64_t step;                    // counts from 1
  double lr, ema_decay;
  double clip_norm;                // 0: no clipping
} hs_adam_values;
HS_API int hs_adam_step_from(hs_stream stream, const hs_adam *args, const hs_adam_values *values, const double *square_sum);
HS_API int hs_ema_update(hs_stream stream, float *ema, const float *p, double decay, int64_t count);
// *out = sum of squares; NaN and Inf propagate. workspace: hs_square_sum_workspace(count) bytes, or NULL where that is 0.
HS_API int64_t hs_square_sum_workspace(int64_t count);
HS_API int hs_square_sum(hs_stream stream, const float *x, double *out, double *workspace, int64_t count);

// ---- Random numbers: Philox 4x32-10 -------------------------------------------------------------------------------
// Block b of sample s in draw d: counter = {b, d, low32(s), high32(s)}, key = {low32(seed), high32(seed)}. Element e of a
// sample comes from block e/4, word e%4. uniform: (word + 0.5) * 2^-32 formed in double, rounded to f32 (in (0,1]). normal: Box-Muller in
// double on word pairs (0,1) and (2,3): u1 = (w0 + 0.5) 2^-32, u2 = (w1 + 0.5) 2^-32, r = sqrt(-2 ln u1),
// even element r cos(2 pi u2), odd element r sin(2 pi u2). So element e of sample s is the same in any batch.
HS_API int hs_philox_uniform(hs_stream stream, float *y, uint64_t seed, const int64_t *sample_ids, uint32_t draw, int64_t n, int64_t per_sample);
HS_API int hs_philox_normal(hs_stream stream, void *y, uint64_t seed, const int64_t *sample_ids, uint32_t draw, int64_t n, int64_t per_sample, int32_t dtype);
// The same for a recorded launch: key points to a uint64 seed and, 8 bytes on, a uint32 draw, read when the kernel runs.
HS_API int hs_philox_normal_from(hs_stream stream, void *y, const void *key, const int64_t *sample_ids, int64_t n, int64_t per_sample, int32_t dtype);

#ifdef __cplusplus
}
#endif

#endif
