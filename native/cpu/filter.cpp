// The weights of convolutions between the layout of checkpoints, [out,in,taps], and that of NHWC
// convolutions, [out,taps,in], with channels added that are zero.
#include "parallel.h"
#include "storage.h"
#include "variant.h"

HS_KERNEL(hs_filter_pack)
(hs_stream, const float *weight, int64_t stride, int64_t in, int64_t out, int64_t taps, void *packed,
 int64_t packed_in, int64_t packed_out, int32_t dtype) {
  HS_REQUIRE(weight && packed && in >= 0 && in <= stride && in <= packed_in && out >= 0 && out <= packed_out);
  HS_REQUIRE(taps >= 1 && is_dtype(dtype));
  with_storage(dtype, [&](auto storage) {
    using T = decltype(storage);
    T *to = static_cast<T *>(packed);
    parallel_items(packed_out, packed_out * taps * packed_in, [=](int64_t o) {
      for (int64_t tap = 0; tap < taps; tap++)
        for (int64_t i = 0; i < packed_in; i++)
          to[(o * taps + tap) * packed_in + i] =
              from_float<T>(o < out && i < in ? weight[(o * stride + i) * taps + tap] : 0.0f);
    });
  });
  return HS_OK;
}

HS_KERNEL(hs_filter_unpack)
(hs_stream, const void *packed, int64_t packed_in, int64_t packed_out, float *weight, int64_t stride,
 int64_t in, int64_t out, int64_t taps, int32_t dtype) {
  HS_REQUIRE(weight && packed && in >= 0 && in <= stride && in <= packed_in && out >= 0 && out <= packed_out);
  HS_REQUIRE(taps >= 1 && is_dtype(dtype));
  with_storage(dtype, [&](auto storage) {
    using T = decltype(storage);
    const T *from = static_cast<const T *>(packed);
    parallel_items(out, out * taps * in, [=](int64_t o) {
      for (int64_t i = 0; i < in; i++)
        for (int64_t tap = 0; tap < taps; tap++)
          weight[(o * stride + i) * taps + tap] = to_float(from[(o * taps + tap) * packed_in + i]);
    });
  });
  return HS_OK;
}
