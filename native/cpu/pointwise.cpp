// 1x1 convolutions and linear layers of NHWC images: y [pixels, out] = x [pixels, in] W + bias + residual.
//
// A block of pixels stays in the second-level cache while the panels of the weight pass by; a panel stays in
// the first-level cache while the pixels of the block pass by. During the products, which leave the memory
// bus idle, the next block is fetched. Each output's sum runs over the channels in order, wherever it lies,
// so results depend neither on the batch nor on the number of threads. A panel of 16-bit weights is widened
// once per block: that halves what is read from memory, and costs what a few of the block's pixels cost. Of
// weights that are read as they are stored each panel is put together so, by transposing.
#include "pointwise.h"
#include "ahead.h"
#include "moments.h"

static constexpr int kRows = HS_VECTOR_BYTES == 64 ? 12 : 6; // of a product held in registers
static constexpr int64_t kPiece = 48;                        // pixels whose moments are taken together
static constexpr int64_t kBlockPieces = 4;                   // of a block, at most
static constexpr int64_t kBlockBytes = 256 << 10;            // of x in a block
static constexpr int64_t kStoredBytes = 512 << 10; // the same where each block brings weights into order
static constexpr int64_t kFew = 32;        // channels of a product between two requests for memory
static constexpr int64_t kAliasing = 1024; // rows of a multiple of so many floats share a set of the cache

// ---- Weights ----------------------------------------------------------------------------------------------

// Packed: [panel][in][kPanel], zero where the last panel has no column.
template <typename T> static void pack(const hs_weight_pack &args) {
  const int64_t stride = args.stride, in = args.in, out = args.out;
  const bool transposed = args.transposed != 0;
  const float *weight = args.weight;
  T *packed = static_cast<T *>(args.packed);
  const int64_t width = round_up(out, kPackedMultiple);
  parallel_items(width / kPanel, in * width, [=](int64_t panel) {
    T *to = packed + panel * in * kPanel;
    const int64_t first = panel * kPanel, columns = larger(0, smaller(kPanel, out - first));
    if (columns < kPanel)
      for (int64_t k = 0; k < in * kPanel; k++)
        to[k] = T{};
    if (transposed) {
      for (int64_t i = 0; i < in; i++)
        for (int64_t j = 0; j < columns; j++)
          to[i * kPanel + j] = from_float<T>(weight[i * stride + first + j]);
      return;
    }
    constexpr int64_t kStrip = 16; // rows that stay in the first-level cache while they are filled
    for (int64_t begin = 0; begin < in; begin += kStrip)
      for (int64_t j = 0; j < columns; j++)
        for (int64_t i = begin; i < smaller(in, begin + kStrip); i++)
          to[i * kPanel + j] = from_float<T>(weight[(first + j) * stride + i]);
  });
}

HS_KERNEL(hs_pointwise_pack)(hs_stream, const struct hs_weight_pack *args) {
  HS_REQUIRE(args && args->weight && args->packed && args->in >= 1 && args->out >= 1 &&
             args->stride >= (args->transposed ? args->out : args->in) && is_weight_dtype(args->dtype));
  with_weights(args->dtype, [&](auto storage) { pack<decltype(storage)>(*args); });
  return HS_OK;
}

// One panel of weights as float32: where it lies packed, or brought to `memory`.
static const float *panel_of(const hs_pointwise &args, int64_t channel, int64_t in, float *memory) {
  const float *found = memory;
  with_weights(args.dtype, [&]<typename T>(T) {
    if (args.stride > 0) {
      const T *first = static_cast<const T *>(args.packed) + channel * args.stride;
      stored_panel(first, args.stride, args.out - channel, in, memory);
      return;
    }
    const T *panel = static_cast<const T *>(args.packed) + channel * in;
    if constexpr (sizeof(T) == sizeof(float))
      found = panel;
    else
      for (int64_t k = 0; k < in * kPanel; k += kLanes)
        store(memory + k, load(panel + k));
  });
  return found;
}

// ---- Product ----------------------------------------------------------------------------------------------

namespace {

// Rows of one source of channels, or of both where they were copied side by side.
struct Source {
  const float *data;
  int64_t row, channels;
};

struct Left {
  Source first, second;

  Left from(int64_t i) const {
    return {{first.data + i * first.row, first.row, first.channels},
            {second.data + i * second.row, second.row, second.channels}};
  }
};

// Where the rows of a product go: a panel of y and what is added to it.
struct Target {
  float *y;
  const float *residual; // or NULL
  int64_t row;
  Floats bias[2];
  int lanes[2]; // that y has of the panel's vectors
  Deviations deviations[2];
};

} // namespace

// sum [M, kPanel] += a [M, channels] b [channels, kPanel]; `between` runs after every few channels.
template <int M, typename Between>
HS_INLINE void add_product(Floats (*sum)[2], const Source &a, const float *b, Between &between) {
  for (int64_t begin = 0; begin < a.channels; begin += kFew) {
    const int64_t end = smaller(a.channels, begin + kFew);
    for (int64_t p = begin; p < end; p++) {
      const Floats b0 = load(b + p * kPanel), b1 = load(b + p * kPanel + kLanes);
#pragma GCC unroll 12
      for (int i = 0; i < M; i++) {
        const Floats left = splat(a.data[i * a.row + p]);
        sum[i][0] += left * b0;
        sum[i][1] += left * b1;
      }
    }
    between();
  }
}

// One vector of y, of which only the first `lanes` are there in the last panel (Tail).
template <bool Moments, bool Tail>
HS_INLINE void write_vector(Target &to, int64_t at, int v, Floats value, bool first) {
  at += v * kLanes;
  const int lanes = to.lanes[v];
  if (Tail && lanes == 0)
    return;
  value += to.bias[v];
  if (to.residual)
    value += fetch<Tail>(to.residual + at, lanes);
  put<Tail>(to.y + at, value, lanes);
  if constexpr (Moments) {
    if (first)
      Deviations::begin(to.deviations[v], value);
    Deviations::add(to.deviations[v], value);
  }
}

template <int M, bool Moments, bool Tail, typename Between>
static void product_rows(const Left &a, const float *b, int64_t first, Target &to, Between &between) {
  Floats sum[M][2] = {};
  add_product<M>(sum, a.first, b, between);
  if (a.second.channels > 0)
    add_product<M>(sum, a.second, b + a.first.channels * kPanel, between);
#pragma GCC unroll 12
  for (int i = 0; i < M; i++)
#pragma GCC unroll 2
    for (int v = 0; v < 2; v++)
      write_vector<Moments, Tail>(to, (first + i) * to.row, v, sum[i][v], i == 0 && first == 0);
}

// Rows of one piece, a few at a time.
template <bool Moments, bool Tail, typename Between>
static void product(int64_t rows, const Left &a, const float *b, Target &to, Between &between) {
  int64_t i = 0;
  for (; i + kRows <= rows; i += kRows)
    product_rows<kRows, Moments, Tail>(a.from(i), b, i, to, between);
  if constexpr (kRows > 8)
    for (; i + 8 <= rows; i += 8)
      product_rows<8, Moments, Tail>(a.from(i), b, i, to, between);
  for (; i + 4 <= rows; i += 4)
    product_rows<4, Moments, Tail>(a.from(i), b, i, to, between);
  for (; i + 2 <= rows; i += 2)
    product_rows<2, Moments, Tail>(a.from(i), b, i, to, between);
  for (; i < rows; i++)
    product_rows<1, Moments, Tail>(a.from(i), b, i, to, between);
}

// ---- Blocks -----------------------------------------------------------------------------------------------

namespace {

// How the work is cut, and what memory it takes, in floats. Pixels are counted in pieces: parts of an image
// whose moments are taken together, or of all images seen as one where none are wanted.
struct Schedule {
  int64_t in0, in1, in, out, width, pixels, images, pieces_of_image, pieces, most, row, panel;
  bool copied;

  Schedule(const hs_pointwise &args, bool apart)
      : in0(args.in0), in1(args.in1), in(in0 + in1), out(args.out), width(round_up(out, kPackedMultiple)),
        pixels(apart ? args.hw : args.n * args.hw), images(apart ? args.n : 1),
        pieces_of_image(ceil_div(pixels, kPiece)), pieces(images * pieces_of_image),
        most(larger(1, smaller(kBlockPieces, (args.stride > 0 ? kStoredBytes : kBlockBytes) /
                                                 (kPiece * in * static_cast<int64_t>(sizeof(float)))))),
        row(in + kPad), panel(args.dtype == HS_F32 && args.stride == 0 ? 0 : in * kPanel),
        copied(args.table || args.in0 % kAliasing == 0 || (args.in1 > 0 && args.in1 % kAliasing == 0)) {}

  int64_t first(int64_t piece) const {
    return piece / pieces_of_image * pixels + piece % pieces_of_image * kPiece;
  }
  int64_t rows(int64_t piece) const { return smaller(kPiece, pixels - piece % pieces_of_image * kPiece); }

  // What each thread copies a block into, and a panel.
  int64_t block_floats() const { return most * kPiece * row + panel; }
  int64_t moment_floats() const { return pieces * 2 * width; }
};

} // namespace

// The panels begin .. end-1 of the pieces of one block.
template <bool Moments>
static void forward_block(const hs_pointwise &args, const Schedule &s, int64_t begin_piece, int64_t end_piece,
                          int64_t begin, int64_t end, int64_t next_rows, float *memory, float *moments) {
  const int64_t top = s.first(begin_piece), bottom = s.first(end_piece - 1) + s.rows(end_piece - 1);
  float *widened = memory, *copy = memory + s.panel;
  Left a = {{args.x0 + top * args.in0, args.in0, args.in0},
            {args.x1 ? args.x1 + top * args.in1 : nullptr, args.in1, args.in1}};
  if (s.copied) {
    with_norm(args, [&]<bool Norm, bool Silu>() {
      for (int64_t r = top; r < bottom; r++) {
        float *to = copy + (r - top) * s.row;
        read_pixel<Norm, Silu>(
            args, r, [=]<bool Tail>(int64_t j, Floats value, int lanes) { put<Tail>(to + j, value, lanes); });
      }
    });
    a = {{copy, s.row, s.in}, {nullptr, 0, 0}};
  }
  // What the next block reads, and what the next panel writes and adds.
  const int64_t times = larger(1, (bottom - top) / kRows) * (ceil_div(s.in0, kFew) + ceil_div(s.in1, kFew));
  Ahead next0(args.x0 + bottom * args.in0, next_rows * args.in0 / kLine, kLine, kLine, times * (end - begin));
  Ahead next1(args.x1 ? args.x1 + bottom * args.in1 : nullptr, next_rows * args.in1 / kLine, kLine, kLine,
              times * (end - begin));
  for (int64_t panel = begin; panel < end; panel++) {
    const int64_t channel = panel * kPanel, columns = smaller(kPanel, s.out - channel);
    const bool same = panel + 1 < end;
    const int64_t ahead = same ? top * s.out + channel + kPanel : bottom * s.out + begin * kPanel;
    Ahead y(args.y + ahead, same ? bottom - top : next_rows, s.out, kPanel, times);
    Ahead residual(args.residual && args.residual != args.y ? args.residual + ahead : nullptr,
                   same ? bottom - top : next_rows, s.out, kPanel, times);
    const auto between = [&] {
      next0.fetch<0>();
      next1.fetch<0>();
      y.fetch<1>();
      residual.fetch<0>();
    };
    Target to = {};
    to.row = s.out;
    to.lanes[0] = static_cast<int>(smaller(kLanes, columns));
    to.lanes[1] = static_cast<int>(larger(0, columns - kLanes));
    if (args.bias)
      for (int v = 0; v < 2; v++)
        to.bias[v] = load_first(args.bias + channel + v * kLanes, to.lanes[v]);
    const float *b = panel_of(args, channel, s.in, widened);
    for (int64_t k = begin_piece; k < end_piece; k++) {
      const int64_t first = s.first(k);
      to.y = args.y + first * s.out + channel;
      to.residual = args.residual ? args.residual + first * s.out + channel : nullptr;
      if (columns == kPanel)
        product<Moments, false>(s.rows(k), a.from(first - top), b, to, between);
      else
        product<Moments, true>(s.rows(k), a.from(first - top), b, to, between);
      if constexpr (Moments)
        for (int v = 0; v < 2; v++) {
          float *mean = moments + k * 2 * s.width + channel + v * kLanes;
          Deviations::finish(to.deviations[v], static_cast<float>(s.rows(k)), mean, mean + s.width);
        }
    }
  }
}

template <bool Moments> static void forward(const hs_pointwise &args) {
  const Schedule s(args, Moments);
  const int64_t panels = ceil_div(s.out, kPanel);
  const bool parallel = args.n * args.hw * s.in * s.out >= kParallelElements * 16;
  const int64_t threads = parallel ? smaller(omp_get_max_threads(), omp_get_num_procs()) : 1;
  // Few pixels: threads share the panels of a block as well.
  const int64_t groups = s.pieces >= 4 * threads ? 1 : smaller(panels, threads);
  int64_t size = groups > 1 && groups < threads ? 1 : s.most;
  if (groups == 1) {
    const int64_t wanted = ceil_div(s.pieces, s.most);
    size = ceil_div(s.pieces, round_up(wanted, threads));
  }
  const int64_t blocks = ceil_div(s.pieces, size);
  float *moments = args.workspace, *copies = moments + s.moment_floats();
#pragma omp parallel for schedule(static)                                                                    \
    num_threads(static_cast<int>(threads)) if (threads > 1 && blocks * groups > 1)
  for (int64_t item = 0; item < blocks * groups; item++) {
    const int64_t group = item / blocks, begin = item % blocks * size, end = smaller(s.pieces, begin + size);
    const int64_t last = smaller(s.pieces, end + size) - 1;
    const int64_t next_rows = end < s.pieces ? s.first(last) + s.rows(last) - s.first(end) : 0;
    forward_block<Moments>(args, s, begin, end, group * panels / groups, (group + 1) * panels / groups,
                           next_rows, copies + omp_get_thread_num() * s.block_floats(), moments);
  }
  if constexpr (Moments)
    merge_moments(s.images, s.pieces_of_image, s.out, s.width, moments, args.moments,
                  [&](int64_t k) { return static_cast<float>(s.rows(k)); });
}

// ---- Entry points -----------------------------------------------------------------------------------------

HS_SIZES(hs_pointwise_workspace)(const struct hs_pointwise *args, int32_t gradient) {
  if (!valid_pointwise(args))
    return 0;
  const Schedule s(*args, true);
  const int64_t floats = gradient ? HS_NAME(pointwise_gradient_floats)(*args)
                                  : s.moment_floats() + omp_get_num_procs() * s.block_floats();
  return floats * static_cast<int64_t>(sizeof(float));
}

HS_KERNEL(hs_pointwise_forward)(hs_stream, const struct hs_pointwise *args) {
  HS_REQUIRE(readable_pointwise(args) && is_weight_dtype(args->dtype) && args->packed && args->y &&
             (args->stride == 0 || args->stride >= args->in0 + args->in1));
  if (args->n == 0)
    return HS_OK;
  if (args->moments)
    forward<true>(*args);
  else
    forward<false>(*args);
  return HS_OK;
}
