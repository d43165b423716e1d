// Cases of kernels that go over elements, rows and images once, and of embeddings.
#include "harness.h"

static void elementwise(const Check &check, int32_t dtype, int64_t count) {
  check(name_of("elementwise", dtype, {count}), [=](Side &s) {
    const void *a = s.numbers(dtype, count, 1, 3), *b = s.numbers(dtype, count, 2);
    void *y = s.output(dtype, count), *sum = s.numbers(dtype, count, 3);
    for (int32_t function = HS_SILU; function <= HS_QUICK_GELU; function++) {
      HS_RUN(s, hs_activation_forward, .count = count, .function = function, .dtype = dtype, .x = a, .y = y);
      s.read("function", y, dtype, count);
      struct hs_activation back = {.count = count, .function = function, .dtype = dtype, .x = a};
      back.dy = b;
      back.dx = y;
      HS_CALL(s, hs_activation_backward, back);
      s.read("slope", y, dtype, count);
      back.accumulate = 1;
      back.dx = sum;
      HS_CALL(s, hs_activation_backward, back);
      s.read("slope added", sum, dtype, count);
    }
    HS_RUN(s, hs_add, .count = count, .dtype = dtype, .a = a, .b = b, .y = y);
    s.read("sum", y, dtype, count);
    HS_RUN(s, hs_clamp, .count = count, .dtype = dtype, .low = -0.5f, .high = 0.7f, .x = a, .y = y);
    s.read("clamped", y, dtype, count);
    for (int32_t to : {HS_F32, HS_BF16}) {
      void *converted = s.output(to, count);
      HS_RUN(s, hs_convert, .count = count, .src_dtype = dtype, .dst_dtype = to, .src = a, .dst = converted);
      s.read("converted", converted, to, count);
    }
  });
}

void check_elementwise(const Check &check, int32_t dtype) {
  for (int64_t size : {int64_t{1}, int64_t{4099}, int64_t{8192}})
    elementwise(check, dtype, size);
}

static void rows(const Check &check, int32_t dtype, int64_t n, int64_t hw, int64_t c) {
  check(name_of("rows", dtype, {n, hw, c}), [=](Side &s) {
    const int64_t count = n * hw * c, wide = c + 8;
    const void *x = s.numbers(dtype, count, 1), *big = s.numbers(dtype, n * hw * wide, 2);
    void *y = s.output(dtype, count);
    for (int32_t add : {0, 1}) {
      void *to = s.numbers(dtype, n * hw * wide, 3);
      HS_RUN(s, hs_copy_columns, .rows = n * hw, .columns = c, .src_stride = wide, .src_offset = 8,
             .dst_stride = wide, .dtype = dtype, .accumulate = add, .src = big, .dst = to);
      s.read("columns", to, dtype, n * hw * wide);
    }
    HS_RUN(s, hs_add_per_channel, .n = n, .hw = hw, .c = c, .e_stride = c + 3, .dtype = dtype, .x = x,
           .e = s.floats(n * (c + 3), 4), .y = y);
    s.read("per channel", y, dtype, count);
    float *sums = s.floats(n * (c + 3), 5), *total = s.floats(c, 6);
    HS_RUN(s, hs_sum_pixels, .n = n, .hw = hw, .c = c, .out_stride = c + 3, .dtype = dtype, .x = x,
           .out = sums);
    s.read("sum of pixels", sums, HS_F32, n * (c + 3));
    struct hs_sum_rows all = {.rows = n * hw, .c = c, .dtype = dtype, .x = x, .out = total};
    all.workspace = static_cast<float *>(HS_ROOM(s, hs_sum_rows, all, 0));
    for (int32_t add : {0, 1}) {
      all.accumulate = add;
      HS_CALL(s, hs_sum_rows, all);
      s.read("sum of rows", total, HS_F32, c);
    }
    const void *in[4] = {x, s.numbers(dtype, count, 7), s.numbers(dtype, count, 8),
                         s.numbers(dtype, count, 9)};
    const float *factors = s.floats(4 * n, 10);
    for (int32_t terms = 1; terms <= 4; terms++) {
      HS_RUN(s, hs_linear_combination, .n = n, .per_sample = hw * c, .terms = terms, .dtype = dtype,
             .x0 = in[0], .x1 = in[1], .x2 = in[2], .x3 = in[3], .coefficients = factors, .y = y);
      s.read("combination", y, dtype, count);
    }
    auto *distances = static_cast<double *>(s.room(static_cast<size_t>(n) * 8));
    HS_RUN(s, hs_squared_distance, .n = n, .per_sample = hw * c, .dtype = dtype, .a = x, .b = in[1],
           .out = distances);
    s.read_doubles("distance", distances, n);
  });
}

static void resample(const Check &check, int32_t dtype, int64_t n, int64_t h, int64_t w, int64_t c) {
  check(name_of("resample", dtype, {n, h, w, c}), [=](Side &s) {
    const int64_t count = n * h * w * c, small = n * (h / 2) * (w / 2) * c;
    const void *x = s.numbers(dtype, count, 1), *dbig = s.numbers(dtype, 4 * count, 2);
    const void *dsmall = s.numbers(dtype, small, 3);
    void *big = s.output(dtype, 4 * count), *little = s.output(dtype, small);
    struct hs_resample a = {.n = n, .h = h, .w = w, .c = c, .dtype = dtype, .x = x};
    a.y = big;
    HS_CALL(s, hs_upsample2_forward, a);
    s.read("doubled", big, dtype, 4 * count);
    a.y = little;
    HS_CALL(s, hs_downsample2_forward, a);
    s.read("halved", little, dtype, small);
    for (int32_t add : {0, 1}) {
      void *dx = s.numbers(dtype, count, 4);
      a.accumulate = add;
      a.dx = dx;
      a.dy = dbig;
      HS_CALL(s, hs_upsample2_backward, a);
      s.read("gradient of doubling", dx, dtype, count);
      a.dy = dsmall;
      HS_CALL(s, hs_downsample2_backward, a);
      s.read("gradient of halving", dx, dtype, count);
      const int64_t out = n * ((h + 2 - 3) / 2 + 1) * ((w + 2 - 3) / 2 + 1) * c;
      void *pooled = s.output(dtype, out);
      HS_RUN(s, hs_pool, .n = n, .h = h, .w = w, .c = c, .average = add, .rows = 3, .columns = 3, .stride = 2,
             .row_padding = 1, .column_padding = 1, .dtype = dtype, .x = x, .y = pooled);
      s.read("pooled", pooled, dtype, out);
    }
  });
}

void check_rows_and_images(const Check &check, int32_t dtype) {
  rows(check, dtype, 3, 35, 37);
  rows(check, dtype, 2, 64, 48);
  rows(check, dtype, 1, 301, 264);
  resample(check, dtype, 2, 7, 5, 33);
  resample(check, dtype, 1, 8, 6, 64);
}

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

void check_first_stages(const Check &check) {
  first_stage(check, 3, 7, 5, 3);
  first_stage(check, 1, 2, 33, 4);
  first_stage(check, 2, 64, 3, 1);
}

void check_embeddings(const Check &check) {
  check("embeddings", [](Side &s) {
    const int64_t n = 5, classes = 33, dim = 131;
    const int32_t *ids = s.put(std::vector<int32_t>{3, 0, 32, 3, 17});
    float *y = s.floats(n * dim, 1), *table = s.floats(classes * dim, 2),
          *logits = s.floats(n * classes, 3, 20);
    HS_RUN(s, hs_sinusoid, .n = n, .dim = dim, .scale = 1000, .max_period = 10000, .t = s.floats(n, 4),
           .y = y);
    s.read("sinusoid", y, HS_F32, n * dim);
    for (int32_t sines_first : {0, 1}) {
      HS_RUN(s, hs_sinusoid, .n = n, .dim = dim, .scale = 1000, .max_period = 10000,
             .sines_first = sines_first, .reach_period = 1, .t = s.floats(n, 4), .y = y);
      s.read("sinusoid of the last period", y, HS_F32, n * dim);
    }
    HS_RUN(s, hs_embedding_forward, .n = n, .rows = classes, .dim = dim, .accumulate = 1, .ids = ids,
           .table = table, .y = y);
    s.read("rows", y, HS_F32, n * dim);
    HS_RUN(s, hs_embedding_backward, .n = n, .rows = classes, .dim = dim, .ids = ids, .dy = y,
           .dtable = table);
    s.read("gradient of the table", table, HS_F32, classes * dim);
    float *losses = s.floats(n, 5), *dlogits = s.floats(n * classes, 6);
    HS_RUN(s, hs_softmax_cross_entropy, .n = n, .classes = classes, .dloss = 0.2f, .logits = logits,
           .ids = ids, .losses = losses, .dlogits = dlogits);
    s.read("losses", losses, HS_F32, n);
    s.read("gradient of the logits", dlogits, HS_F32, n * classes);
  });
}
