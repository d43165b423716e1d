// The part of halfstep.h about embeddings and look-ups.
#ifndef HALFSTEP_EMBEDDING_H
#define HALFSTEP_EMBEDDING_H

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

#endif

// The kernels, read as often as halfstep_kernels.inc is.
HS_LAUNCH(hs_sinusoid, hs_sinusoid)
HS_LAUNCH(hs_embedding_forward, hs_embedding)
HS_LAUNCH(hs_embedding_backward, hs_embedding)
HS_LAUNCH(hs_gather_forward, hs_gather)
HS_LAUNCH(hs_gather_backward, hs_gather)
HS_LAUNCH(hs_nearest_row, hs_nearest_row)
