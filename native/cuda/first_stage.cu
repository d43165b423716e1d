// What training of a first stage computes beside its network: latents drawn from a Gaussian, and how far
// pictures are from each other. Small work beside the network's: no more than one pass over a picture.
#ifndef HS_CASES
#include "storage.cuh"

#include <math.h>

// ---- Latents ----------------------------------------------------------------------------------------------

static constexpr float kLeastLogVariance = -30.0f, kMostLogVariance = 20.0f;

// In the order that keeps a NaN.
__device__ inline float clamped(float log_variance) {
  return log_variance < kLeastLogVariance  ? kLeastLogVariance
         : log_variance > kMostLogVariance ? kMostLogVariance
                                           : log_variance;
}

__device__ inline bool unclamped(float log_variance) {
  return !(log_variance < kLeastLogVariance || log_variance > kMostLogVariance);
}

// A block per sample.
__global__ void draw_latents(const float *moments, const float *noise, float *z, float *divergence,
                             int64_t hw, int64_t c) {
  const int64_t first = int64_t{blockIdx.x} * hw * c;
  double sum = 0.0;
  for (int64_t j = threadIdx.x; j < hw * c; j += blockDim.x) {
    const int64_t at = 2 * first + j / c * c + j; // pixel * 2c + channel
    const float mean = moments[at], log_variance = clamped(moments[at + c]);
    const float deviation = expf(0.5f * log_variance);
    z[first + j] = mean + deviation * noise[first + j];
    const double m = static_cast<double>(mean), s = static_cast<double>(deviation);
    sum += 0.5 * (m * m + s * s - 1.0 - static_cast<double>(log_variance));
  }
  sum = block_sum(sum);
  if (threadIdx.x == 0)
    divergence[blockIdx.x] = static_cast<float>(sum);
}

int hs_posterior_forward(hs_stream stream, const struct hs_posterior *args) {
  HS_REQUIRE(args && args->moments && args->noise && args->z && args->divergence && args->n >= 0 &&
             args->hw >= 0 && args->c >= 0);
  if (args->n > kMaxIndex)
    return HS_UNSUPPORTED;
  return launch(draw_latents, static_cast<unsigned>(args->n), kThreads, 0, stream, args->moments, args->noise,
                args->z, args->divergence, args->hw, args->c);
}

__global__ void latent_gradient(const float *moments, const float *noise, const float *dz, float *dmoments,
                                float weight, bool accumulate, int64_t count, int64_t c) {
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t j = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; j < count; j += step) {
    const int64_t at = j / c * c + j; // pixel * 2c + channel
    const float log_variance = moments[at + c];
    const float deviation = expf(0.5f * clamped(log_variance));
    const float mean = dz[j] + weight * moments[at];
    const float half = 0.5f * (dz[j] * deviation * noise[j] + weight * (deviation * deviation - 1.0f));
    const float logarithm = unclamped(log_variance) ? half : 0.0f;
    dmoments[at] = accumulate ? dmoments[at] + mean : mean;
    dmoments[at + c] = accumulate ? dmoments[at + c] + logarithm : logarithm;
  }
}

int hs_posterior_backward(hs_stream stream, const struct hs_posterior *args) {
  HS_REQUIRE(args && args->moments && args->noise && args->dz && args->dmoments && args->n >= 0 &&
             args->hw >= 0 && args->c >= 0);
  const int64_t count = args->n * args->hw * args->c;
  return launch(latent_gradient, blocks_for(count), kThreads, 0, stream, args->moments, args->noise, args->dz,
                args->dmoments, args->weight, args->accumulate != 0, count, args->c);
}

// ---- Pictures ---------------------------------------------------------------------------------------------

static constexpr int kPictureThreads = 512;
static constexpr int32_t kMaxScales = 16;

struct Picture {
  int64_t h, w, c;
  int scales;
  float edges, weight; // weight: of the sign of one error
};

__device__ inline float sign_of(float error) { return error > 0.0f ? 1.0f : error < 0.0f ? -1.0f : error; }

// A block per picture: each thread gathers the gradient of its numbers from their neighbours.
__global__ void picture_loss(const float *all_x, const float *all_y, float *dx, double *losses, Picture of) {
  const int64_t row = of.w * of.c, size = of.h * row, first = int64_t{blockIdx.x} * size;
  const float *x = all_x + first, *y = all_y + first;
  double sum = 0.0;
  for (int64_t j = threadIdx.x; j < size; j += blockDim.x) {
    const int64_t r = j / row, column = j % row / of.c;
    const float error = x[j] - y[j];
    float gradient = sign_of(error), edge = 0.0f;
    double sizes = 0.0; // each pair once
    const auto beside = [&](int64_t at, bool counts) {
      const float difference = error - (x[at] - y[at]);
      edge += sign_of(difference);
      if (counts)
        sizes += static_cast<double>(fabsf(difference));
    };
    for (int scale = 0; scale < of.scales; scale++) {
      const int64_t d = int64_t{1} << scale;
      if (r + d < of.h)
        beside(j + d * row, true);
      if (r >= d)
        beside(j - d * row, false);
      if (column + d < of.w)
        beside(j + d * of.c, true);
      if (column >= d)
        beside(j - d * of.c, false);
    }
    gradient += of.edges * edge;
    sum += static_cast<double>(fabsf(error)) + static_cast<double>(of.edges) * sizes;
    dx[first + j] = of.weight * gradient;
  }
  sum = block_sum(sum);
  if (threadIdx.x == 0)
    losses[blockIdx.x] = sum / static_cast<double>(size);
}

int hs_picture_loss(hs_stream stream, const struct hs_picture_loss *args) {
  HS_REQUIRE(args && args->x && args->y && args->dx && args->losses && args->n >= 0 && args->h >= 1 &&
             args->w >= 1 && args->c >= 1 && args->scales >= 0 && args->scales <= kMaxScales);
  if (args->n > kMaxIndex)
    return HS_UNSUPPORTED;
  const float size = static_cast<float>(args->h * args->w * args->c);
  const Picture picture = {args->h, args->w, args->c, args->scales, args->edges, args->factor / size};
  return launch(picture_loss, static_cast<unsigned>(args->n), kPictureThreads, 0, stream, args->x, args->y,
                args->dx, args->losses, picture);
}

#else // ---- What is compared with the CPU's ----------------------------------------------------------------
#include "test/harness.h"

static void first_stage(const Check &check, int64_t n, int64_t h, int64_t w, int64_t c) {
  check(name_of("first stage", HS_F32, {n, h, w, c}), [=](Side &s) {
    const int64_t count = n * h * w * c;
    struct hs_posterior latents = {.n = n, .hw = h * w, .c = c, .weight = 0.3f};
    latents.moments = s.floats(2 * count, 1, 12); // some logarithms are clamped
    latents.noise = s.floats(count, 2);
    latents.z = s.floats(count, 3);
    latents.divergence = s.floats(n, 4);
    HS_CALL(s, hs_posterior_forward, latents);
    s.read("latents", latents.z, HS_F32, count);
    s.read("divergence", latents.divergence, HS_F32, n);
    latents.dz = s.floats(count, 5);
    latents.dmoments = s.floats(2 * count, 6);
    for (int32_t add : {0, 1}) {
      latents.accumulate = add;
      HS_CALL(s, hs_posterior_backward, latents);
      s.read("gradient of the moments", latents.dmoments, HS_F32, 2 * count);
    }
    float *dx = s.floats(count, 7);
    auto *losses = static_cast<double *>(s.room(static_cast<size_t>(n) * 8));
    for (int32_t scales : {0, 3}) {
      HS_RUN(s, hs_picture_loss, .n = n, .h = h, .w = w, .c = c, .scales = scales, .edges = 0.7f,
             .factor = 1.5f, .x = s.floats(count, 8), .y = s.floats(count, 9), .dx = dx, .losses = losses);
      s.read("gradient of the pictures", dx, HS_F32, count);
      s.read_doubles("losses", losses, n);
    }
  });
}

static const Cases cases([](const Check &check) {
  first_stage(check, 3, 7, 5, 3);
  first_stage(check, 1, 2, 33, 4);
  first_stage(check, 2, 64, 3, 1);
});
#endif
