// Panels of weights: the output channels of one product beside each other, for each input channel.
#ifndef HALFSTEP_CPU_PANEL_H
#define HALFSTEP_CPU_PANEL_H

#include "vector.h"

static constexpr int kPanel = 2 * kLanes; // output channels of one product

// Exchanges what lies S lanes apart of rows S apart: the blocks beside the diagonal.
template <int S> HS_INLINE void exchange(Floats *rows) {
  const Ints lane = lane_numbers();
  const Ints low = (lane & S) == 0 ? lane : lane + (kLanes - S);
  const Ints high = (lane & S) == 0 ? lane + S : lane + kLanes;
#pragma GCC unroll 16
  for (int r = 0; r < kLanes; r++)
    if ((r & S) == 0) {
      const Floats a = rows[r], b = rows[r + S];
      rows[r] = __builtin_shuffle(a, b, low);
      rows[r + S] = __builtin_shuffle(a, b, high);
    }
}

// Rows of a square become its columns.
HS_INLINE void transpose(Floats *rows) {
  exchange<1>(rows);
  exchange<2>(rows);
  if constexpr (kLanes > 4)
    exchange<4>(rows);
  if constexpr (kLanes > 8)
    exchange<8>(rows);
}

template <bool Tail, typename T>
HS_INLINE void stored_square(const T *from, int64_t stride, int64_t rows, int lanes, float *to) {
  Floats square[kLanes];
#pragma GCC unroll 16
  for (int j = 0; j < kLanes; j++)
    square[j] = j < rows ? fetch<Tail>(from + j * stride, lanes) : Floats{};
  transpose(square);
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; i++)
    if (!Tail || i < lanes)
      store(to + i * kPanel, square[i]);
}

// The first `count` numbers of kPanel rows of weights as they are stored, `stride` numbers apart, as float32
// [count][kPanel]; zero for what is behind the first `rows` rows, which is not read.
template <typename T>
static void stored_panel(const T *from, int64_t stride, int64_t rows, int64_t count, float *to) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    for (int j = 0; j < kPanel; j += kLanes)
      stored_square<false>(from + j * stride + i, stride, rows - j, kLanes, to + i * kPanel + j);
  if (i < count)
    for (int j = 0; j < kPanel; j += kLanes)
      stored_square<true>(from + j * stride + i, stride, rows - j, static_cast<int>(count - i),
                          to + i * kPanel + j);
}

#endif
