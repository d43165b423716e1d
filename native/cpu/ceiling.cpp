// The most multiply-adds that the processor can do: chains of them that never leave the registers.
#include "parallel.h"
#include "variant.h"
#include "vector.h"

static constexpr int kChains = 10; // enough to hide a latency of four or five cycles on two units

// One step of a chain.
HS_INLINE void step(Floats &chain, Floats factor, Floats offset) {
  chain = chain * factor + offset;
  keep_in_register(chain);
}

HS_KERNEL(hs_cpu_multiply_adds)(hs_stream, const struct hs_cpu_multiply_adds *args) {
  HS_REQUIRE(args && args->turns >= 0 && args->operations);
  const int64_t turns = args->turns;
  int threads = 1;
#pragma omp parallel
  {
#pragma omp single nowait
    threads = omp_get_num_threads();
    const Floats factor = splat(0.999f), offset = splat(1e-7f);
    Floats a = splat(1.0f), b = a, c = a, d = a, e = a, f = a, g = a, h = a, i = a, j = a;
    for (int64_t turn = 0; turn < turns; turn++) {
      step(a, factor, offset);
      step(b, factor, offset);
      step(c, factor, offset);
      step(d, factor, offset);
      step(e, factor, offset);
      step(f, factor, offset);
      step(g, factor, offset);
      step(h, factor, offset);
      step(i, factor, offset);
      step(j, factor, offset);
    }
  }
  *args->operations = 2.0 * kLanes * kChains * static_cast<double>(turns) * threads;
  return HS_OK;
}
