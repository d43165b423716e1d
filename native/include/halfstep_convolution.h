// The part of halfstep.h about convolutions, linear layers and the layouts of their weights.
#ifndef HALFSTEP_CONVOLUTION_H
#define HALFSTEP_CONVOLUTION_H

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
  const void *packed;    // of hs_winograd_pack, or stored   forward only, like the next four
  const float *bias;     // or NULL; [out]
  const float *residual; // or NULL; like y, may be y
  float *y;              // [n,h,w,out]
  float *moments;        // or NULL; those of y, [n,2,out]
  const float *dy;       // [n,h,w,out]                       gradient only, like the next three
  float *dweight;        // [out,stride,3,3], its first `in` input channels; overwritten
  int64_t stride;   // forward: 0, or packed is no pack but, with taps, the weight [out,stride,3,3] as stored
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
  const void *packed;    // of hs_pointwise_pack, or stored   forward only, like the next four
  const float *bias;     // or NULL; [out]
  const float *residual; // or NULL; like y, may be y
  float *y;              // [n,hw,out]
  float *moments;        // or NULL; those of y, [n,2,out]
  const float *dy;       // [n,hw,out]                        gradient only, like the next three
  float *dweight;        // [out,stride], its first `in` columns; overwritten
  int64_t stride;   // forward: 0, or packed is no pack but the weight [out,stride] as it is stored
  float *dbias;     // or NULL; [out], overwritten
  float *workspace; // hs_pointwise_workspace bytes, from the sizes, dtype and stride
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

#endif

// The kernels, read as often as halfstep_kernels.inc is.
HS_WORKSPACE_CPU(hs_winograd)
HS_LAUNCH_CPU(hs_winograd_pack, hs_weight_pack)
HS_LAUNCH_CPU(hs_winograd_forward, hs_winograd)
HS_LAUNCH_CPU(hs_winograd_gradient, hs_winograd)
HS_WORKSPACE_CPU(hs_pointwise)
HS_LAUNCH_CPU(hs_pointwise_pack, hs_weight_pack)
HS_LAUNCH_CPU(hs_pointwise_forward, hs_pointwise)
HS_LAUNCH_CPU(hs_pointwise_gradient, hs_pointwise)
HS_LAUNCH(hs_filter_pack, hs_filter)
HS_LAUNCH(hs_filter_unpack, hs_filter)
HS_LAUNCH(hs_convolution_forward, hs_convolution)
