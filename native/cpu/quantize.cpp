// Activations to bytes, where no kernel that writes them does it on the way.
#include "quantize.h"
#include "parallel.h"
#include "variant.h"

static constexpr int64_t kBlockElements = 8192;

// The columns [first, first + channels) of rows [begin, end) of y, whose rows are c apart.
template <typename T>
static void quantize_columns(const T *x, uint8_t *y, ByteScale scale, int64_t begin, int64_t end,
                             int64_t first, int64_t channels, int64_t c) {
  for (int64_t r = begin; r < end; r++) {
    const T *in = x + r * channels;
    uint8_t *out = y + r * c + first;
    for_vectors(channels, [=]<int B, bool Tail>(int64_t j, int lanes) {
      for (int b = 0; b < B; b++)
        put_bytes<Tail>(out + j + b * kLanes, fetch<Tail>(in + j + b * kLanes, lanes), scale, lanes);
    });
  }
}

HS_KERNEL(hs_quantize)(hs_stream, const struct hs_quantize *args) {
  HS_REQUIRE(args && args->rows >= 0 && args->c0 >= 1 && args->c1 >= 0 && is_dtype(args->dtype) && args->x0 &&
             (args->x1 || args->c1 == 0) && args->y && args->scale && *args->scale > 0 && args->zero);
  const int64_t rows = args->rows, c0 = args->c0, c1 = args->c1;
  const ByteScale bytes(*args->scale, *args->zero);
  uint8_t *y = args->y;
  const int64_t c = c0 + c1;
  const int64_t block = larger(1, kBlockElements / c);
  with_storage(args->dtype, [&](auto storage) {
    using T = decltype(storage);
    const T *first = static_cast<const T *>(args->x0);
    const T *second = static_cast<const T *>(args->x1);
    parallel_items(ceil_div(rows, block), rows * c, [=](int64_t item) {
      const int64_t begin = item * block;
      const int64_t end = smaller(rows, begin + block);
      quantize_columns(first, y, bytes, begin, end, 0, c0, c);
      if (c1 > 0)
        quantize_columns(second, y, bytes, begin, end, c0, c1, c);
    });
  });
  return HS_OK;
}
