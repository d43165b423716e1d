// The part of halfstep.h about elementwise functions, sums and resampling.
#ifndef HALFSTEP_ELEMENTWISE_H
#define HALFSTEP_ELEMENTWISE_H

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

#endif

// The kernels, read as often as halfstep_kernels.inc is.
HS_LAUNCH(hs_activation_forward, hs_activation)
HS_LAUNCH(hs_activation_backward, hs_activation)
HS_LAUNCH(hs_glu_forward, hs_glu)
HS_LAUNCH(hs_glu_backward, hs_glu)
HS_LAUNCH(hs_add, hs_add)
HS_LAUNCH(hs_clamp, hs_clamp)
HS_LAUNCH(hs_convert, hs_convert)
HS_LAUNCH(hs_upsample2_forward, hs_resample)
HS_LAUNCH(hs_upsample2_backward, hs_resample)
HS_LAUNCH(hs_downsample2_forward, hs_resample)
HS_LAUNCH(hs_downsample2_backward, hs_resample)
HS_LAUNCH(hs_pool, hs_pool)
HS_LAUNCH(hs_pad, hs_pad)
HS_LAUNCH(hs_crop, hs_pad)
HS_LAUNCH(hs_copy_columns, hs_copy_columns)
HS_LAUNCH(hs_add_per_channel, hs_add_per_channel)
HS_LAUNCH(hs_sum_pixels, hs_sum_pixels)
HS_WORKSPACE(hs_sum_rows)
HS_LAUNCH(hs_sum_rows, hs_sum_rows)
HS_LAUNCH(hs_dropout, hs_dropout)
