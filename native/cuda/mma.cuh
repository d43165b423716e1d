// Products of small bfloat16 matrices by a warp on the tensor cores, through PTX; beside each instruction its
// twin for the C++ compiler, which does what the PTX manual says of the same fragments.
//
// Lane l holds, with g = l / 4 and t = l % 4: of A [16,16] the pairs (g, 2t), (g+8, 2t), (g, 2t+8), (g+8,
// 2t+8); of B [16,8] the pairs of rows (2t, g), (2t+8, g); of C [16,8] the elements (g, 2t), (g, 2t+1), (g+8,
// 2t), (g+8, 2t+1).
#ifndef HALFSTEP_CUDA_MMA_CUH
#define HALFSTEP_CUDA_MMA_CUH

#include "storage.cuh"

#ifndef __CUDACC__
namespace fibers {

struct Product {
  unsigned a[4], b[2];
  float *c;
};

inline float half_of(unsigned pair, int which) { return which == 0 ? low_half(pair) : high_half(pair); }

inline void complete_product(void **payloads, unsigned) {
  float a[16][16], b[16][8];
  for (int lane = 0; lane < 32; lane++) {
    const auto &own = *static_cast<Product *>(payloads[lane]);
    const int g = lane / 4, t = lane % 4;
    for (int which = 0; which < 2; which++) {
      for (int k = 0; k < 4; k++)
        a[g + 8 * (k % 2)][2 * t + 8 * (k / 2) + which] = half_of(own.a[k], which);
      for (int k = 0; k < 2; k++)
        b[2 * t + 8 * k + which][g] = half_of(own.b[k], which);
    }
  }
  for (int lane = 0; lane < 32; lane++) {
    float *c = static_cast<Product *>(payloads[lane])->c;
    for (int k = 0; k < 4; k++) {
      const int row = lane / 4 + 8 * (k / 2), column = 2 * (lane % 4) + k % 2;
      for (int inner = 0; inner < 16; inner++)
        c[k] += a[row][inner] * b[inner][column];
    }
  }
}

struct Matrices {
  const Bf16 *row;
  unsigned *to;
  bool transposed;
};

inline void complete_matrices(void **payloads, unsigned) {
  for (int lane = 0; lane < 32; lane++) {
    const auto &own = *static_cast<Matrices *>(payloads[lane]);
    for (int matrix = 0; matrix < 4; matrix++) {
      const auto element = [&](int row, int column) {
        return unsigned{static_cast<Matrices *>(payloads[8 * matrix + row])->row[column].bits};
      };
      const int g = lane / 4, t = lane % 4;
      own.to[matrix] = own.transposed ? element(2 * t, g) | element(2 * t + 1, g) << 16
                                      : element(g, 2 * t) | element(g, 2 * t + 1) << 16;
    }
  }
}

} // namespace fibers
#endif

// c += a b.
__device__ inline void multiply_add(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
#if defined(__CUDA_ARCH__)
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#elif !defined(__CUDACC__)
  fibers::Product own = {{a[0], a[1], a[2], a[3]}, {b0, b1}, c};
  fibers::wait_for_warp(kAllLanes, &own, fibers::complete_product, __FILE__, __LINE__);
#else
  (void)c, (void)a, (void)b0, (void)b1;
#endif
}

// Four 8x8 matrices from shared memory: lane 8 m + r names row r of matrix m, 16 bytes, aligned. Of matrix m,
// lane l gets the pair (l / 4, 2 (l % 4)); transposed, the pair of rows (2 (l % 4), l / 4).
template <bool Transposed> __device__ inline void load_matrices(unsigned (&to)[4], const Bf16 *row) {
#if defined(__CUDA_ARCH__)
  const unsigned address = static_cast<unsigned>(__cvta_generic_to_shared(row));
  if constexpr (Transposed)
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(address)
                 : "memory");
  else
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(address)
                 : "memory");
#elif !defined(__CUDACC__)
  fibers::require_aligned(row, 16);
  fibers::Matrices own = {row, to, Transposed};
  fibers::wait_for_warp(kAllLanes, &own, fibers::complete_matrices, __FILE__, __LINE__);
#else
  (void)to, (void)row;
#endif
}

// ---- Tiles ------------------------------------------------------------------------------------------------
// A tile lies in shared memory with rows of D + 8 elements: eight rows that are read at once then lie in
// different banks.

template <int D> __host__ __device__ constexpr int matrix_row() { return D + 8; }

// c [16, 8 Tiles] += rows [16, D] · columns [8 Tiles, D] transposed.
template <int D, int Tiles>
__device__ inline void multiply_rows(const Bf16 *rows, const Bf16 *columns, float (&c)[Tiles][4]) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const Bf16 *row = rows + lane % 16 * matrix_row<D>() + lane / 16 * 8;
  const Bf16 *column = columns + (lane % 8 + lane / 16 * 8) * matrix_row<D>() + lane / 8 % 2 * 8;
#pragma unroll
  for (int k = 0; k < D; k += 16) {
    unsigned a[4];
    load_matrices<false>(a, row + k);
#pragma unroll
    for (int tile = 0; tile < Tiles; tile += 2) {
      unsigned b[4];
      load_matrices<false>(b, column + tile * 8 * matrix_row<D>() + k);
      multiply_add(c[tile], a, b[0], b[1]);
      multiply_add(c[tile + 1], a, b[2], b[3]);
    }
  }
}

// sum [16, D] += p [16, 8 Tiles], rounded to bfloat16, · columns [8 Tiles, D]. What one product leaves in
// registers is laid out as the next one reads it.
template <int D, int Tiles>
__device__ inline void multiply_weights(const float (&p)[Tiles][4], const Bf16 *columns,
                                        float (&sum)[D / 8][4]) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const Bf16 *column = columns + lane % 16 * matrix_row<D>() + lane / 16 * 8;
#pragma unroll
  for (int tile = 0; tile < Tiles; tile += 2) {
    const unsigned a[4] = {bf16_pair(p[tile][0], p[tile][1]), bf16_pair(p[tile][2], p[tile][3]),
                           bf16_pair(p[tile + 1][0], p[tile + 1][1]),
                           bf16_pair(p[tile + 1][2], p[tile + 1][3])};
#pragma unroll
    for (int j = 0; j < D / 8; j += 2) {
      unsigned b[4];
      load_matrices<true>(b, column + tile * 8 * matrix_row<D>() + j * 8);
      multiply_add(sum[j], a, b[0], b[1]);
      multiply_add(sum[j + 1], a, b[2], b[3]);
    }
  }
}

#endif
