// The kernels of Halfstep behind one C interface. The same header has one body per backend.
//
// Every kernel has one shape: int f(stream, const struct *). The structs below say what each computes; the
// list of the kernels, with the struct that each takes, is halfstep_kernels.inc, which also declares them.
//
// Rules for every kernel:
// - Images are NHWC; n counts samples, hw pixels, c channels; a "row" is one pixel of one sample.
// - `stream` orders work on a GPU and is ignored (may be NULL) on the CPU.
// - Returns HS_OK or an error status; hs_status_string() names it. Nothing is allocated, nothing is kept: the
//   struct may change or go when the kernel returns.
// - `dtype` is the storage type of activations (void pointers). Parameters, statistics, losses and optimizer
//   state are float32. Sums are formed in an order that does not depend on the number of threads.
// - Pointers marked "or NULL" may be NULL; all others that a kernel reads or writes must be valid.
// - `accumulate`: 0 overwrites, 1 adds. Flags are 0 or 1.
// - Fields that a kernel does not name may hold anything.
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

// HS_U8: quantized activations, HS_F16: packed weights; each taken only where it is said.
enum hs_dtype { HS_F32 = 0, HS_BF16 = 1, HS_U8 = 2, HS_F16 = 3 };

// Functions of single numbers.
enum hs_function {
  HS_SILU = 1,      // x sigmoid(x)
  HS_RELU = 2,      // max(x, 0)
  HS_GELU = 3,      // x (1 + erf(x / sqrt(2))) / 2
  HS_GELU_TANH = 4, // x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2
  HS_QUICK_GELU = 5 // x sigmoid(1.702 x)
};

// ---- Library ----------------------------------------------------------------------------------------------
HS_API const char *hs_version(void);             // "0.2.0"
HS_API const char *hs_instruction_set(void);     // "x86-64-v4", "x86-64-v3" or "x86-64-v2": what runs here
HS_API const char *hs_status_string(int status); // never NULL
HS_API uint64_t hs_interface(void);          // another number where the kernels or their structs are others
HS_API int hs_thread_count(void);            // threads of a parallel region started by this thread
HS_API int hs_set_thread_count(int threads); // for parallel regions started by the calling thread

// hs_cpu_multiply_adds: the processor's ceiling, for profiles. Float32 multiply-adds in registers on all
// threads, `turns` rounds of them; *operations counts two for each. The caller takes the time.
struct hs_cpu_multiply_adds {
  int64_t turns;
  double *operations;
};

// ---- Group normalisation, with modulation and SiLU fused --------------------------------------------------
// The input is the channel concatenation of two sources: x0 [n,hw,c0] and x1 [n,hw,c1] (c1 = 0: none); groups
// may straddle the seam. y = f((1 + scale) * (weight * (x - mean) * rstd + bias) + shift), f = SiLU or
// identity. Modulation row i: scale at modulation[i*modulation_stride + 0..c), shift at [... + c..2c), c = c0
// + c1.
//
// hs_group_norm_forward writes y and stats; hs_group_norm_backward reads stats and writes the gradients.
// hs_group_norm_quantize is the forward pass whose y is bytes (see below); SiLU may be off by 2e-4 of its
// size before it is rounded.
//
// In parts, so that statistics are taken where a value is made and the norm is applied where it is read:
// hs_group_norm_table writes, from the moments of the two sources (see hs_channel_moments; moments1 NULL when
// c1 = 0), stats and table [n,3,c] with the rows mean, factor and offset, y = f((x - mean) * factor +
// offset). It reads the sizes, groups, eps, weight, bias and modulation. hs_group_norm_apply writes y from
// x0, x1 and the table: what is left of the forward pass.
struct hs_group_norm {
  int64_t n, hw, c0, c1;
  int32_t groups, silu, dtype;
  float eps;
  const void *x0, *x1;
  const float *weight, *bias; // [c]
  const float *modulation;    // or NULL: no modulation
  int64_t modulation_stride;  // in floats
  void *y;                    // [n,hw,c]
  float *stats;               // [n,groups,2]: mean, rstd
  const void *dy;             // [n,hw,c]                    backward only, like all up to dmodulation_stride
  void *dx0, *dx1;            // like x0, x1
  int32_t accumulate0, accumulate1;
  float *dweight, *dbias; // [c], overwritten
  float *dmodulation;     // or NULL; rows as modulation, overwritten
  int64_t dmodulation_stride;
  float *workspace;                 // forward, backward and quantize: hs_group_norm_workspace bytes
  const float *scale, *zero;        // quantize only
  const float *moments0, *moments1; // table only
  float *table;                     // written by table, read by apply
};

// hs_channel_moments: moments [n,2,c] of a value x [n,hw,c]: per sample and channel the mean over the pixels
// and the sum of squared deviations from it.
struct hs_channel_moments {
  int64_t n, hw, c;
  int32_t dtype;
  const void *x;
  float *moments;
};

// ---- Layer normalisation ----------------------------------------------------------------------------------
// Over the c channels of each row: y = weight * (x - mean) / sqrt(variance + eps) + bias; the variance is the
// mean of the squared deviations. hs_layer_norm_forward writes y. hs_layer_norm_backward forms the statistics
// of a row once more and writes the gradients.
struct hs_layer_norm {
  int64_t rows, c;
  int32_t dtype, accumulate; // accumulate: of dx
  float eps;
  const void *x;              // [rows,c]
  const float *weight, *bias; // [c]
  void *y;                    // like x                  forward only
  const void *dy;             // like x                  backward only, like all that follow
  void *dx;                   // like x, or NULL
  float *dweight, *dbias;     // [c], overwritten
  float *workspace;           // hs_layer_norm_workspace bytes
};

// ---- Quantization: activations as bytes -------------------------------------------------------------------
// A byte q stands for (q - zero) * scale: q = min(max(x / scale + zero, 0), 255) rounded to the nearest,
// halves up; a NaN becomes 0. `scale` (above 0) and `zero` (an integer in 0..255) point to one float each,
// read when the kernel runs.
//
// hs_quantize: y [rows,c0+c1] from the rows of x0 [rows,c0] and x1 [rows,c1] (c1 = 0: none) side by side.
struct hs_quantize {
  int64_t rows, c0, c1;
  int32_t dtype;
  const void *x0, *x1;
  uint8_t *y;
  const float *scale, *zero;
};

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

// ---- 3x3 convolution, stride 1, padding 1, float32, by Winograd's F(2x2,3x3) or F(4x4,3x3) ----------------
// in = in0 + in1; in0 and in1 must be multiples of 16, out of 32. Reads x = f((source - mean) * factor +
// offset) by the table of hs_group_norm_table, or the sources as they are where table is NULL; what lies
// outside the image is zero after that.
//
// hs_winograd_forward: y = convolution + bias + residual. hs_winograd_gradient: dweight and dbias. The same
// bits for any number of threads, and, forward, for a sample in any batch.
struct hs_winograd {
  int64_t n, h, w, in0, in1, out;
  int32_t tile;          // 2 or 4: side of the output tiles
  int32_t silu;          // f with a table: SiLU or identity
  int32_t taps, dtype;   // of packed, as it was packed       forward only
  const float *x0, *x1;  // [n,h,w,in0], [n,h,w,in1] or NULL when in1 = 0
  const float *table;    // or NULL; [n,3,in]
  const void *packed;    // of hs_winograd_pack               forward only, like the next four
  const float *bias;     // or NULL; [out]
  const float *residual; // or NULL; like y, may be y
  float *y;              // [n,h,w,out]
  float *moments;        // or NULL; those of y, [n,2,out]
  const float *dy;       // [n,h,w,out]                       gradient only, like the next three
  float *dweight;        // [out,stride,3,3], its first `in` input channels; overwritten
  int64_t stride;
  float *dbias;     // or NULL; [out], overwritten
  float *workspace; // hs_winograd_workspace bytes, from the sizes, taps and dtype
};

// ---- 1x1 convolution and linear layer, float32 ------------------------------------------------------------
// in = in0 + in1. Reads x as hs_winograd does.
//
// hs_pointwise_forward: y = x W + bias + residual; the same bits for any number of threads, and for a sample
// in any batch. hs_pointwise_gradient: dweight and dbias; the same bits for any number of threads.
struct hs_pointwise {
  int64_t n, hw, in0, in1, out;
  const float *x0, *x1;  // [n,hw,in0], [n,hw,in1] or NULL when in1 = 0
  const float *table;    // or NULL; [n,3,in]
  const void *packed;    // of hs_pointwise_pack              forward only, like the next four
  const float *bias;     // or NULL; [out]
  const float *residual; // or NULL; like y, may be y
  float *y;              // [n,hw,out]
  float *moments;        // or NULL; those of y, [n,2,out]
  const float *dy;       // [n,hw,out]                        gradient only, like the next three
  float *dweight;        // [out,stride], its first `in` columns; overwritten
  int64_t stride;
  float *dbias;     // or NULL; [out], overwritten
  float *workspace; // hs_pointwise_workspace bytes, from the sizes and dtype
  int32_t silu;     // f with a table: SiLU or identity
  int32_t dtype;    // of packed                              forward only
};

// ---- Weights of these convolutions, in layouts of the kernels' own ----------------------------------------
// hs_winograd_pack: packed from weight [out,stride,3,3] whose first `in` input channels are read:
// transformed, (tile+2)^2*in*out floats; or with taps the 9*in*out numbers as they are, for any tile, which
// hs_winograd_forward transforms while it uses them, to the same bits. transposed: from weight
// [in,stride,3,3], its taps rotated by 180 degrees, for the gradient of a convolution's input.
// hs_pointwise_pack: packed (in times out rounded up to a multiple of 32 numbers) from weight [out,stride]
// whose first `in` columns are read; transposed: from weight [in,stride] and its first `out` columns. No
// tile, no taps.
struct hs_weight_pack {
  int64_t stride, in, out;
  int32_t tile, taps, transposed;
  int32_t dtype; // of packed: HS_F32; HS_BF16 and HS_F16, which round, for taps and hs_pointwise_pack alone
  const float *weight;
  void *packed;
};

// ---- Filters of convolutions, between the layout of checkpoints and that of NHWC convolutions -------------
// hs_filter_pack: packed [packed_out,taps,packed_in] from weight [out,stride,taps], whose first `in` input
// channels are read; what is not there is zero. taps = kernel height times width.
// hs_filter_unpack: the way back, for a gradient: the first `in` input channels of weight, overwritten.
struct hs_filter {
  int64_t stride, in, out, taps, packed_in, packed_out;
  int32_t dtype; // of packed
  float *weight;
  void *packed;
};

// hs_convolution_forward: y [n,h,w,out] from x [n,h,w,in] and a packed filter [out,side*side,in], with zeros
// around the image so that y is as large; side is odd. bias [out] and residual [n,h,w,out] are added; either
// may be NULL. On a GPU for few pixels: bfloat16, channels in multiples of 32, 16-byte alignment, else
// HS_UNSUPPORTED.
struct hs_convolution {
  int64_t n, h, w, in, out;
  int32_t side, dtype;
  const void *x, *filter;
  const float *bias;
  const void *residual;
  void *y;
};

// ---- Elementwise and resampling ---------------------------------------------------------------------------
// hs_activation_forward: y = f(x), f = `function` of hs_function; y may be x. hs_activation_backward: dx from
// x and dy.
struct hs_activation {
  int64_t count;
  int32_t function, dtype, accumulate;
  const void *x;
  void *y;
  const void *dy;
  void *dx;
};

// A gated linear unit (Shazeer 2020, arXiv:2002.05202): hs_glu_forward: y [rows,c] = a f(b), where a row of x
// [rows,2c] is a, then b. hs_glu_backward: dx, like x, from x and dy, like y.
struct hs_glu {
  int64_t rows, c;
  int32_t function, dtype, accumulate;
  const void *x;
  void *y;
  const void *dy;
  void *dx;
};

// hs_add: y = a + b; y may be a or b.
struct hs_add {
  int64_t count;
  int32_t dtype;
  const void *a, *b;
  void *y;
};

// hs_clamp: y may be x.
struct hs_clamp {
  int64_t count;
  int32_t dtype;
  float low, high;
  const void *x;
  void *y;
};

// hs_convert: to bfloat16 it rounds to nearest even.
struct hs_convert {
  int64_t count;
  int32_t src_dtype, dst_dtype;
  const void *src;
  void *dst;
};

// hs_upsample2_*: nearest x2: y [n,2h,2w,c] from x [n,h,w,c] (forward: also HS_U8); backward sums each 2x2.
// hs_downsample2_*: 2x2 mean: y [n,h/2,w/2,c] from x [n,h,w,c]; an odd last row or column is dropped (its
// gradient is zero). dy is like y, dx like x.
struct hs_resample {
  int64_t n, h, w, c;
  int32_t dtype, accumulate;
  const void *x;
  void *y;
  const void *dy;
  void *dx;
};

// hs_pool: y [n,oh,ow,c] from x [n,h,w,c], oh = (h + 2 row_padding - rows) / stride + 1, ow likewise: the
// mean (average 1) or the largest (0) of the pixels of a rows x columns window that lie inside the image;
// padding must be smaller than the window.
struct hs_pool {
  int64_t n, h, w, c;
  int32_t average, rows, columns, stride, row_padding, column_padding, dtype;
  const void *x;
  void *y;
};

// hs_pad: y [n,out_h,out_w,out_c], zero but for x [n,h,w,c] at row `top`, column `left` and the first
// channels; where it accumulates, the rest of y stays as it is. hs_crop: the way back, x from y.
struct hs_pad {
  int64_t n, h, w, c, out_h, out_w, out_c, top, left;
  int32_t dtype, accumulate;
  void *x;
  void *y;
};

// hs_copy_columns: `columns` columns of each row: dst[r, dst_offset + j] (+)= src[r, src_offset + j]. Strides
// and offsets in elements.
struct hs_copy_columns {
  int64_t rows, columns, src_stride, src_offset, dst_stride, dst_offset;
  int32_t dtype, accumulate;
  const void *src;
  void *dst;
};

// hs_add_per_channel: y[i,p,:] = x[i,p,:] + e[i*e_stride + :]; its gradient for e is hs_sum_pixels of dy. y
// may be x.
struct hs_add_per_channel {
  int64_t n, hw, c, e_stride;
  int32_t dtype;
  const void *x;
  const float *e;
  void *y;
};

// hs_sum_pixels: out[i*out_stride + :] = sum over pixels of x[i,:,:]; overwritten.
struct hs_sum_pixels {
  int64_t n, hw, c, out_stride;
  int32_t dtype;
  const void *x;
  float *out;
};

// hs_sum_rows: out[:] (+)= sum over rows of x [rows,c] (a bias gradient).
struct hs_sum_rows {
  int64_t rows, c;
  int32_t dtype, accumulate;
  const void *x;
  float *out;
  float *workspace; // hs_sum_rows_workspace bytes
};

// hs_dropout: inverted dropout: y = x * mask / (1 - p). The mask is Philox (seed, sample_ids[i], draw) at the
// element's index, so the backward pass is the same call on dy. y may be x. Each layer has a key of its own:
// {low32(seed), high32(seed) ^ (0x9E3779B9 * (layer + 1))}. Word w drops where w < p 2^32.
struct hs_dropout {
  int64_t n, per_sample;
  uint64_t seed;
  uint32_t layer;
  float p; // in [0,1)
  int32_t dtype;
  const void *x;
  void *y;
  const int64_t *sample_ids; // [n]
  const uint32_t *draw;      // one, read when the kernel runs
};

// ---- Embeddings -------------------------------------------------------------------------------------------
// hs_sinusoid: y[i] = [cos(a f_0) .. cos(a f_h-1), sin(a f_0) ..], a = scale * t[i], f_k = max_period^(-k/h),
// h = dim/2; sines_first: the sines before the cosines; reach_period: f_k = max_period^(-k/(h-1)), so that
// the last period is 2 pi max_period (h must not be 1). An odd dim ends with 0. Angles are formed in double.
struct hs_sinusoid {
  int64_t n, dim;
  double scale, max_period;
  int32_t sines_first, reach_period;
  const float *t;
  float *y;
};

// hs_embedding_forward: y [n,dim] (+)= the rows `ids` of table [rows,dim]. hs_embedding_backward: dtable,
// overwritten (rows not named become zero); equal ids add up. ids outside 0..rows-1: HS_INVALID_ARGUMENT. (A
// GPU's ids are out of the host's sight: there such a row of y, and a loss, is NaN, and its gradient goes
// nowhere.)
struct hs_embedding {
  int64_t n, rows, dim;
  int32_t accumulate; // forward
  const int32_t *ids; // [n]
  const float *table;
  float *y;
  const float *dy; // like y
  float *dtable;   // like table
};

// hs_gather_forward: y[i] = x[i, ids[i]], one of the t rows of each sample; hs_gather_backward: dx, zero but
// for those rows. ids outside 0..t-1: as in hs_embedding.
struct hs_gather {
  int64_t n, t, c;
  int32_t dtype, accumulate;
  const int32_t *ids; // [n]
  const void *x;      // [n,t,c]
  void *y;            // [n,c]
  const void *dy;     // like y
  void *dx;           // like x
};

// hs_nearest_row: ids[i] = the row of table [entries,dim] that is nearest to x[i], by the sum of squared
// differences; the first of equals. dim at most 256.
struct hs_nearest_row {
  int64_t rows, dim, entries;
  int32_t dtype;      // of x
  const void *x;      // [rows,dim]
  const float *table; // [entries,dim]
  int32_t *ids;       // [rows]
};

// ---- What is done around a network: its steps in sampling and training ------------------------------------
#include "halfstep_steps.h"

// ---- The kernels ------------------------------------------------------------------------------------------
#define HS_LAUNCH(function, arguments) HS_API int function(hs_stream stream, const struct arguments *args);
#define HS_LAUNCH_CPU(function, arguments) HS_LAUNCH(function, arguments)
#define HS_WORKSPACE(arguments)                                                                              \
  HS_API int64_t arguments##_workspace(const struct arguments *args, int32_t gradient);
#define HS_WORKSPACE_CPU(arguments) HS_WORKSPACE(arguments)
#include "halfstep_kernels.inc"

#ifdef __cplusplus
}
#endif

#endif
