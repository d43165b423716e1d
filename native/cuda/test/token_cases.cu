// Cases of what transformers do with sequences of tokens, of codebooks and of padding.
#include "harness.h"

static void layer_norm(const Check &check, int32_t dtype, int64_t rows, int64_t c, float eps, int32_t add) {
  check(name_of("layer norm", dtype, {rows, c, add}), [=](Side &s) {
    struct hs_layer_norm a = {.rows = rows, .c = c, .dtype = dtype, .accumulate = add, .eps = eps};
    a.x = s.numbers(dtype, rows * c, 1, 3);
    a.weight = s.floats(c, 2);
    a.bias = s.floats(c, 3);
    a.y = s.output(dtype, rows * c);
    HS_CALL(s, hs_layer_norm_forward, a);
    s.read("y", a.y, dtype, rows * c);
    a.dy = s.numbers(dtype, rows * c, 4);
    a.dx = s.numbers(dtype, rows * c, 5);
    a.dweight = s.floats(c, 6);
    a.dbias = s.floats(c, 7);
    a.workspace = static_cast<float *>(HS_ROOM(s, hs_layer_norm, a, 1));
    HS_CALL(s, hs_layer_norm_backward, a);
    s.read("dx", a.dx, dtype, rows * c);
    s.read("dweight", a.dweight, HS_F32, c, 1e-4);
    s.read("dbias", a.dbias, HS_F32, c, 1e-4);
    a.dx = nullptr; // only the parameters' gradients
    a.dweight = s.floats(c, 8);
    HS_CALL(s, hs_layer_norm_backward, a);
    s.read("dweight alone", a.dweight, HS_F32, c, 1e-4);
  });
}

static void glu(const Check &check, int32_t dtype, int64_t rows, int64_t c) {
  check(name_of("glu", dtype, {rows, c}), [=](Side &s) {
    struct hs_glu a = {.rows = rows, .c = c, .dtype = dtype, .x = s.numbers(dtype, rows * 2 * c, 1, 2)};
    a.y = s.output(dtype, rows * c);
    a.dy = s.numbers(dtype, rows * c, 2);
    a.dx = s.numbers(dtype, rows * 2 * c, 3);
    for (a.function = HS_SILU; a.function <= HS_QUICK_GELU; a.function++) {
      HS_CALL(s, hs_glu_forward, a);
      s.read("y", a.y, dtype, rows * c);
      a.accumulate = a.function % 2;
      HS_CALL(s, hs_glu_backward, a);
      s.read("dx", a.dx, dtype, rows * 2 * c);
    }
  });
}

static void gather(const Check &check, int32_t dtype, int64_t t, int64_t c) {
  check(name_of("gather", dtype, {t, c}), [=](Side &s) {
    struct hs_gather a = {.n = 3, .t = t, .c = c, .dtype = dtype};
    a.ids = s.put(std::vector<int32_t>{0, static_cast<int32_t>(t) - 1, static_cast<int32_t>(t) / 2});
    a.x = s.numbers(dtype, a.n * t * c, 1);
    a.y = s.output(dtype, a.n * c);
    HS_CALL(s, hs_gather_forward, a);
    s.read("rows", a.y, dtype, a.n * c);
    a.dy = s.numbers(dtype, a.n * c, 2);
    a.dx = s.numbers(dtype, a.n * t * c, 3);
    for (a.accumulate = 1; a.accumulate >= 0; a.accumulate--) {
      HS_CALL(s, hs_gather_backward, a);
      s.read("gradient of the rows", a.dx, dtype, a.n * t * c);
    }
  });
}

static void nearest_row(const Check &check, int32_t dtype, int64_t rows, int64_t dim, int64_t entries) {
  check(name_of("nearest row", dtype, {rows, dim, entries}), [=](Side &s) {
    struct hs_nearest_row a = {.rows = rows, .dim = dim, .entries = entries, .dtype = dtype};
    a.x = s.numbers(dtype, rows * dim, 1);
    a.table = s.floats(entries * dim, 2);
    a.ids = static_cast<int32_t *>(s.room(static_cast<size_t>(rows) * 4));
    HS_CALL(s, hs_nearest_row, a);
    s.read_ints("numbers", a.ids, rows);
  });
}

void check_tokens(const Check &check, int32_t dtype) {
  layer_norm(check, dtype, 1, 5, 1e-5f, 0);
  layer_norm(check, dtype, 70, 33, 1e-12f, 1);
  layer_norm(check, dtype, 11, 320, 1e-5f, 0);
  layer_norm(check, dtype, 300, 64, 1e-6f, 1);
  glu(check, dtype, 5, 37);
  glu(check, dtype, 33, 64);
  gather(check, dtype, 7, 33);
  gather(check, dtype, 1, 64);
  nearest_row(check, dtype, 37, 3, 200);
  nearest_row(check, dtype, 5, 17, 9);
}

static void pad(const Check &check, int32_t dtype, int64_t c, int64_t out_c) {
  check(name_of("pad", dtype, {c, out_c}), [=](Side &s) {
    struct hs_pad a = {.n = 2, .h = 5, .w = 3, .c = c, .out_h = 7, .out_w = 6, .out_c = out_c, .top = 1};
    a.left = 2;
    a.dtype = dtype;
    const int64_t small = a.n * a.h * a.w * c, big = a.n * a.out_h * a.out_w * out_c;
    for (a.accumulate = 0; a.accumulate <= 1; a.accumulate++) {
      a.x = s.numbers(dtype, small, 1);
      a.y = s.numbers(dtype, big, 2);
      HS_CALL(s, hs_pad, a);
      s.read("padded", a.y, dtype, big);
      a.y = s.numbers(dtype, big, 3);
      HS_CALL(s, hs_crop, a);
      s.read("cropped", a.x, dtype, small);
    }
  });
}

void check_padding(const Check &check, int32_t dtype) {
  pad(check, dtype, 5, 5);
  pad(check, dtype, 3, 8);
  pad(check, dtype, 16, 24);
}
