// The part of halfstep.h about normalisation and quantization.
#ifndef HALFSTEP_NORM_H
#define HALFSTEP_NORM_H

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

#endif

// The kernels, read as often as halfstep_kernels.inc is.
HS_WORKSPACE(hs_group_norm)
HS_LAUNCH(hs_group_norm_forward, hs_group_norm)
HS_LAUNCH(hs_group_norm_backward, hs_group_norm)
HS_LAUNCH_CPU(hs_group_norm_quantize, hs_group_norm)
HS_LAUNCH_CPU(hs_group_norm_table, hs_group_norm)
HS_LAUNCH_CPU(hs_group_norm_apply, hs_group_norm)
HS_LAUNCH_CPU(hs_channel_moments, hs_channel_moments)
HS_WORKSPACE(hs_layer_norm)
HS_LAUNCH(hs_layer_norm_forward, hs_layer_norm)
HS_LAUNCH(hs_layer_norm_backward, hs_layer_norm)
HS_LAUNCH_CPU(hs_quantize, hs_quantize)
