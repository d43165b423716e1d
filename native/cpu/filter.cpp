// The weights of convolutions between the layout of checkpoints, [out,in,taps], and that of NHWC
// convolutions, [out,taps,in], with channels added that are zero.
#include "parallel.h"
#include "storage.h"
#include "variant.h"

static bool valid(const struct hs_filter *args) {
  return args && args->weight && args->packed && args->in >= 0 && args->in <= args->stride &&
         args->in <= args->packed_in && args->out >= 0 && args->out <= args->packed_out && args->taps >= 1 &&
         is_dtype(args->dtype);
}

HS_KERNEL(hs_filter_pack)(hs_stream, const struct hs_filter *args) {
  HS_REQUIRE(valid(args));
  const int64_t stride = args->stride, in = args->in, out = args->out, taps = args->taps;
  const int64_t packed_in = args->packed_in, packed_out = args->packed_out;
  const float *weight = args->weight;
  with_storage(args->dtype, [&](auto storage) {
    using T = decltype(storage);
    T *to = static_cast<T *>(args->packed);
    parallel_items(packed_out, packed_out * taps * packed_in, [=](int64_t o) {
      for (int64_t tap = 0; tap < taps; tap++)
        for (int64_t i = 0; i < packed_in; i++)
          to[(o * taps + tap) * packed_in + i] =
              from_float<T>(o < out && i < in ? weight[(o * stride + i) * taps + tap] : 0.0f);
    });
  });
  return HS_OK;
}

HS_KERNEL(hs_filter_unpack)(hs_stream, const struct hs_filter *args) {
  HS_REQUIRE(valid(args));
  const int64_t stride = args->stride, in = args->in, out = args->out, taps = args->taps;
  const int64_t packed_in = args->packed_in;
  float *weight = args->weight;
  with_storage(args->dtype, [&](auto storage) {
    using T = decltype(storage);
    const T *from = static_cast<const T *>(args->packed);
    parallel_items(out, out * taps * in, [=](int64_t o) {
      for (int64_t i = 0; i < in; i++)
        for (int64_t tap = 0; tap < taps; tap++)
          weight[(o * stride + i) * taps + tap] = to_float(from[(o * taps + tap) * packed_in + i]);
    });
  });
  return HS_OK;
}
