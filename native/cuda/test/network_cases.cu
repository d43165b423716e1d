// Cases of group normalisation, attention, filters, the optimizer and random numbers.
#include "harness.h"

void check_filters(const Check &check, int32_t dtype) {
  for (int64_t in : {3, 40})
    check(name_of("filter", dtype, {in}), [=](Side &s) {
      struct hs_filter a = {.stride = 43, .in = in, .out = 21, .taps = 9, .packed_in = 40, .packed_out = 24};
      const int64_t stored = a.out * a.stride * a.taps, count = a.packed_out * a.taps * a.packed_in;
      a.dtype = dtype;
      a.weight = s.floats(stored, 1);
      a.packed = s.output(dtype, count);
      HS_CALL(s, hs_filter_pack, a);
      s.read("packed", a.packed, dtype, count);
      a.weight = s.floats(stored, 2);
      HS_CALL(s, hs_filter_unpack, a);
      s.read("unpacked", a.weight, HS_F32, stored);
    });
}

// The GPU's kernel takes bfloat16 and channels in multiples of 32 only.
static void convolution(const Check &check, int64_t n, int64_t h, int64_t w, int64_t in, int64_t out,
                        int32_t side, bool bias, bool residual) {
  check(name_of("convolution", HS_BF16, {n, h, w, in, out, side, bias, residual}), [=](Side &s) {
    struct hs_convolution a = {.n = n, .h = h, .w = w, .in = in, .out = out, .side = side};
    a.dtype = HS_BF16;
    a.x = s.numbers(HS_BF16, n * h * w * in, 1);
    a.filter = s.numbers(HS_BF16, out * side * side * in, 2, 0.1f);
    a.bias = bias ? s.floats(out, 3) : nullptr;
    a.residual = residual ? s.numbers(HS_BF16, n * h * w * out, 4) : nullptr;
    a.y = s.output(HS_BF16, n * h * w * out);
    HS_CALL(s, hs_convolution_forward, a);
    s.read("y", a.y, HS_BF16, n * h * w * out);
  });
}

void check_convolutions(const Check &check) {
  convolution(check, 2, 7, 7, 64, 32, 3, true, true);
  convolution(check, 1, 8, 5, 288, 64, 3, false, true);
  convolution(check, 3, 4, 3, 32, 96, 1, true, false);
  convolution(check, 1, 9, 33, 96, 32, 5, false, false);
}

static void optimizer(const Check &check, int64_t count, int32_t decoupled) {
  check(name_of("optimizer", HS_F32, {count, decoupled}), [=](Side &s) {
    const float *g = s.floats(count, 2);
    struct hs_square_sum squares = {.count = count, .x = g, .out = static_cast<double *>(s.room(8))};
    squares.workspace = static_cast<double *>(HS_ROOM(s, hs_square_sum, squares, 0));
    HS_CALL(s, hs_square_sum, squares);
    s.read_doubles("square sum", squares.out, 1);
    struct hs_adam a = {.count = count, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .weight_decay = 0.1};
    a.decoupled = decoupled;
    a.p = s.floats(count, 1);
    a.g = g;
    a.m = s.floats(count, 3, 0.1f);
    a.v = s.put(std::vector<float>(static_cast<size_t>(count), 0.5f));
    a.ema = s.floats(count, 5);
    a.p_bf16 = s.output(HS_BF16, count);
    a.values = s.put(std::vector<struct hs_adam_values>{{3, 1e-3, 0.9, 0.0}});
    HS_CALL(s, hs_adam_step, a); // not clipped
    a.values = s.put(std::vector<struct hs_adam_values>{{4, 2e-3, 0.8, 1.0}});
    a.square_sum = squares.out;
    HS_CALL(s, hs_adam_step, a); // clipped
    s.read("parameters", a.p, HS_F32, count);
    s.read("m", a.m, HS_F32, count);
    s.read("v", a.v, HS_F32, count);
    s.read("bf16", a.p_bf16, HS_BF16, count);
    s.read("average", a.ema, HS_F32, count);
  });
}

void check_optimizer(const Check &check) {
  optimizer(check, 9001, 0);
  optimizer(check, 8192, 1);
}

static void random_numbers(const Check &check, int32_t dtype, int64_t each) {
  check(name_of("random", dtype, {each}), [=](Side &s) {
    const int64_t n = 3;
    const int64_t *ids = s.put(std::vector<int64_t>{7, 0x123456789a, -1});
    const uint32_t *draw = s.put(std::vector<uint32_t>{11});
    const uint64_t *key = s.put(std::vector<uint64_t>{0x0123456789abcdef, 5});
    void *y = s.output(dtype, n * each);
    HS_RUN(s, hs_philox_normal, .n = n, .per_sample = each, .dtype = dtype, .y = y, .key = key,
           .sample_ids = ids);
    s.read("normal", y, dtype, n * each);
    HS_RUN(s, hs_dropout, .n = n, .per_sample = each, .seed = 99, .layer = 2, .p = 0.3f, .dtype = dtype,
           .x = s.numbers(dtype, n * each, 2), .y = y, .sample_ids = ids, .draw = draw);
    s.read("dropout", y, dtype, n * each, 1e-30); // the very same bits
  });
}

void check_random_numbers(const Check &check, int32_t dtype) {
  random_numbers(check, dtype, 777);
  random_numbers(check, dtype, 1024);
}

static void group_norm(const Check &check, int32_t dtype, int64_t n, int64_t hw, int64_t c0, int64_t c1,
                       int32_t groups, bool modulated, bool silu, bool add) {
  check(name_of("group norm", dtype, {n, hw, c0, c1, groups, modulated, silu, add}), [=](Side &s) {
    const int64_t c = c0 + c1;
    struct hs_group_norm a = {.n = n, .hw = hw, .c0 = c0, .c1 = c1, .groups = groups, .silu = silu};
    a.dtype = dtype;
    a.eps = 1e-5f;
    a.x0 = s.numbers(dtype, n * hw * c0, 1, 2);
    a.x1 = c1 > 0 ? s.numbers(dtype, n * hw * c1, 2, 2) : nullptr;
    a.weight = s.floats(c, 3);
    a.bias = s.floats(c, 4);
    if (modulated) {
      a.modulation = s.floats(n * (2 * c + 5), 5);
      a.modulation_stride = 2 * c + 5;
      a.dmodulation = s.floats(n * 2 * c, 6);
      a.dmodulation_stride = 2 * c;
    }
    a.y = s.output(dtype, n * hw * c);
    a.stats = s.floats(n * groups * 2, 7);
    a.workspace = static_cast<float *>(HS_ROOM(s, hs_group_norm, a, 0));
    HS_CALL(s, hs_group_norm_forward, a);
    s.read("y", a.y, dtype, n * hw * c);
    s.read("statistics", a.stats, HS_F32, n * groups * 2);
    a.dy = s.numbers(dtype, n * hw * c, 8);
    a.dx0 = s.numbers(dtype, n * hw * c0, 9);
    a.dx1 = c1 > 0 ? s.numbers(dtype, n * hw * c1, 10) : nullptr;
    a.accumulate0 = add;
    a.accumulate1 = add;
    a.dweight = s.floats(c, 11);
    a.dbias = s.floats(c, 12);
    a.workspace = static_cast<float *>(HS_ROOM(s, hs_group_norm, a, 1));
    HS_CALL(s, hs_group_norm_backward, a);
    s.read("dx0", a.dx0, dtype, n * hw * c0);
    if (c1 > 0)
      s.read("dx1", a.dx1, dtype, n * hw * c1);
    s.read("dweight", a.dweight, HS_F32, c, 1e-4);
    s.read("dbias", a.dbias, HS_F32, c, 1e-4);
    if (modulated)
      s.read("dmodulation", a.dmodulation, HS_F32, n * 2 * c, 1e-4);
  });
}

void check_group_norm(const Check &check, int32_t dtype) {
  group_norm(check, dtype, 2, 35, 33, 0, 11, false, true, false);
  group_norm(check, dtype, 3, 20, 5, 7, 3, true, true, true);
  group_norm(check, dtype, 2, 300, 64, 32, 32, true, false, true);
  group_norm(check, dtype, 1, 256, 192, 0, 32, true, true, false);
  group_norm(check, dtype, 2, 64, 1536, 512, 32, false, true, false);
  group_norm(check, dtype, 100, 16, 64, 0, 4, false, true, false); // slices of several groups
  group_norm(check, dtype, 1, 4100, 48, 0, 2, true, true, true);   // slices of many rows
  group_norm(check, dtype, 1, 20000, 32, 0, 2, true, true, true);  // groups of more than one block
}

static void attention(const Check &check, int32_t dtype, int64_t n, int64_t t, int32_t heads, int32_t d,
                      int32_t order) {
  check(name_of("attention", dtype, {n, t, heads, d, order}), [=](Side &s) {
    const int64_t count = n * t * heads * d;
    struct hs_attention a = {};
    a.n = n;
    a.t = t;
    a.heads = heads;
    a.d = d;
    a.order = order;
    a.dtype = dtype;
    a.qkv = s.numbers(dtype, 3 * count, 1);
    a.y = s.output(dtype, count);
    a.logsumexp = s.floats(n * heads * t, 2);
    HS_CALL(s, hs_attention_forward, a);
    // In bfloat16 probabilities are rounded too, before tensor cores multiply with them.
    const double tolerance = dtype == HS_BF16 ? 3e-2 : 2e-5;
    s.read("y", a.y, dtype, count, tolerance);
    s.read("logsumexp", a.logsumexp, HS_F32, n * heads * t, 1e-5);
    a.dy = s.numbers(dtype, count, 3);
    a.dqkv = s.output(dtype, 3 * count);
    a.workspace = static_cast<float *>(HS_ROOM(s, hs_attention, a, 1));
    HS_CALL(s, hs_attention_backward, a);
    s.read("dqkv", a.dqkv, dtype, 3 * count, tolerance);
  });
}

void check_attention(const Check &check, int32_t dtype) {
  attention(check, dtype, 2, 49, 3, 20, HS_ATTENTION_LEGACY);
  attention(check, dtype, 1, 130, 2, 64, HS_ATTENTION_NEW);
  attention(check, dtype, 1, 70, 2, 32, HS_ATTENTION_LEGACY);
  attention(check, dtype, 1, 65, 1, 128, HS_ATTENTION_NEW);
  attention(check, dtype, 1, 37, 1, 300, HS_ATTENTION_LEGACY);
  attention(check, dtype, 1, 9, 1, 600, HS_ATTENTION_LEGACY);
}
