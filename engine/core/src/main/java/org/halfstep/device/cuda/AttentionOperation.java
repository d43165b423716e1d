package org.halfstep.device.cuda;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.halfstep.bindings.Cudnn;
import org.halfstep.device.AttentionShape;
import org.halfstep.device.DataType;
import org.halfstep.device.Owned;

/**
 * One operation graph of cuDNN: scaled-dot-product attention, softmax(s q k^T) v per head with a
 * factor s, or its gradients. Queries, keys and values stay where they are, side by side in the
 * rows of one matrix, and so do their gradients; sums are in float32.
 *
 * <p>Forward, cuDNN has one operation for all of it. Backward, it knows the operations that
 * FlashAttention-2 (Dao, 2023) consists of, and fuses them: P = exp(s q k^T - statistics), dv = P^T
 * dy, dS = s P (dy v^T - rows(dy y)), dk = dS^T q, dq = dS k.
 *
 * @param shape in bfloat16
 */
record AttentionOperation(Kind kind, AttentionShape shape) implements CudnnOperation {

  enum Kind {
    /** Forward without what a backward pass needs. */
    INFERENCE,
    /** Forward, leaving the logarithm of the sum of exponentials of each row. */
    FORWARD,
    BACKWARD
  }

  /** What tensors of the graph are called; the same in every graph. */
  static final long Q = 1;

  static final long K = 2;
  static final long V = 3;
  static final long Y = 4;
  static final long STATISTICS = 5;
  static final long DQ = 6;
  static final long DK = 7;
  static final long DV = 8;
  static final long DY = 9;

  /** Sums over the channels of dy y, float32 [batch, heads, tokens]. */
  static final long ROW_SUMS = 10;

  /** Numbers in host memory: s, and 1. */
  static final long FACTOR = 11;

  static final long ONE = 12;

  /** Tokens of a tile of cuDNN's: what it keeps of the scores' gradients is whole tiles. */
  private static final int TILE = 64;

  private static final int BF16 = Cudnn.CUDNN_DATA_BFLOAT16;
  private static final int F32 = Cudnn.CUDNN_DATA_FLOAT;

  AttentionOperation {
    if (shape.type() != DataType.BF16) {
      throw new IllegalArgumentException("cuDNN's attention needs bfloat16, got " + shape.type());
    }
  }

  @Override
  public Optional<CudnnOperation> core() {
    return Optional.empty();
  }

  @Override
  public DataType type() {
    return shape.type();
  }

  /** From one channel of a row of the projection to the next part: q to k, k to v. */
  long partBytes() {
    return (shape.newOrder() ? (long) shape.heads() : 1) * shape.headChannels() * type().bytes();
  }

  long rowSumBytes() {
    return (long) Float.BYTES * shape.batch() * shape.heads() * shape.tokens();
  }

  /**
   * What cuDNN keeps between its two backward kernels: the gradients of the scores, bfloat16. With
   * them each row of dq is summed in one place. (A float32 dq of ours in the graph would make it
   * add parts of dq there instead, in the order in which blocks finish.)
   */
  long scoreGradientBytes() {
    long padded = (long) Math.ceilDiv(shape.tokens(), TILE) * TILE;
    return type().bytes() * shape.batch() * shape.heads() * padded * padded;
  }

  @Override
  public List<TrialMemory.Tensor> tensors() {
    long result =
        type().bytes() * shape.batch() * shape.tokens() * shape.heads() * shape.headChannels();
    long projected = 3 * result;
    List<TrialMemory.Tensor> tensors = new ArrayList<>();
    for (long id : new long[] {Q, K, V}) {
      tensors.add(new TrialMemory.Tensor(id, projected));
    }
    tensors.add(new TrialMemory.Tensor(Y, result));
    if (kind != Kind.INFERENCE) {
      tensors.add(new TrialMemory.Tensor(STATISTICS, rowSumBytes()));
    }
    if (kind == Kind.BACKWARD) {
      for (long id : new long[] {DQ, DK, DV}) {
        tensors.add(new TrialMemory.Tensor(id, projected));
      }
      tensors.add(new TrialMemory.Tensor(DY, result));
      tensors.add(new TrialMemory.Tensor(ROW_SUMS, rowSumBytes()));
    }
    return tensors;
  }

  @Override
  public Map<Long, Float> numbers() {
    float factor = (float) (1 / Math.sqrt(shape.headChannels()));
    return kind == Kind.BACKWARD ? Map.of(FACTOR, factor, ONE, 1f) : Map.of(FACTOR, factor);
  }

  @Override
  public CudnnDescriptor graph(Owned owned, CudnnTarget target) {
    CudnnGraph graph = new CudnnGraph(owned, target);
    if (kind == Kind.BACKWARD) {
      backward(graph);
    } else {
      forward(graph);
    }
    return graph.finish();
  }

  private void forward(CudnnGraph graph) {
    CudnnDescriptor operation =
        graph
            .descriptor(Cudnn.CUDNN_BACKEND_OPERATION_SDPA_FWD_DESCRIPTOR)
            .set(Cudnn.CUDNN_ATTR_OPERATION_SDPA_FWD_QDESC, projected(graph, Q))
            .set(Cudnn.CUDNN_ATTR_OPERATION_SDPA_FWD_KDESC, projected(graph, K))
            .set(Cudnn.CUDNN_ATTR_OPERATION_SDPA_FWD_VDESC, projected(graph, V))
            .set(Cudnn.CUDNN_ATTR_OPERATION_SDPA_FWD_ODESC, result(graph, Y))
            .set(Cudnn.CUDNN_ATTR_OPERATION_SDPA_FWD_SCALEDESC, graph.number(FACTOR));
    if (kind == Kind.FORWARD) {
      operation.set(Cudnn.CUDNN_ATTR_OPERATION_SDPA_FWD_STATSDESC, rows(graph, STATISTICS));
    }
    graph.add(operation);
  }

  /** The order and the strides are those by which cuDNN knows the graph. */
  private void backward(CudnnGraph graph) {
    CudnnDescriptor q = projected(graph, Q);
    CudnnDescriptor transposedK = graph.tensor(K, BF16, transposedSizes(), transposedStrides());
    CudnnDescriptor transposedV = graph.tensor(V, BF16, transposedSizes(), transposedStrides());
    CudnnDescriptor dy = result(graph, DY);
    CudnnDescriptor factor = graph.number(FACTOR);
    CudnnDescriptor rowSums = rows(graph, ROW_SUMS);

    CudnnDescriptor products = graph.intermediate(F32, sizes(), resultStrides());
    graph.pointwise(Cudnn.CUDNN_POINTWISE_MUL, dy, result(graph, Y), products);
    CudnnDescriptor sums = graph.intermediate(F32, rowSizes(), rowStrides());
    graph.sum(products, sums);
    graph.pointwise(Cudnn.CUDNN_POINTWISE_MUL, sums, graph.number(ONE), rowSums);

    CudnnDescriptor scores = scores(graph);
    graph.matmul(q, transposedK, scores);
    CudnnDescriptor scaled = scores(graph);
    graph.pointwise(Cudnn.CUDNN_POINTWISE_MUL, scores, factor, scaled);
    CudnnDescriptor exponents = scores(graph);
    graph.pointwise(Cudnn.CUDNN_POINTWISE_SUB, scaled, rows(graph, STATISTICS), exponents);
    CudnnDescriptor probabilities = scores(graph);
    graph.pointwise(Cudnn.CUDNN_POINTWISE_EXP, exponents, null, probabilities);
    graph.matmul(transposed(graph, probabilities), dy, projected(graph, DV));

    CudnnDescriptor upstream = scores(graph);
    graph.matmul(dy, transposedV, upstream);
    CudnnDescriptor centred = scores(graph);
    graph.pointwise(Cudnn.CUDNN_POINTWISE_SUB, upstream, rowSums, centred);
    CudnnDescriptor weighted = scores(graph);
    graph.pointwise(Cudnn.CUDNN_POINTWISE_MUL, centred, probabilities, weighted);
    CudnnDescriptor scoreGradients = scores(graph);
    graph.pointwise(Cudnn.CUDNN_POINTWISE_MUL, weighted, factor, scoreGradients);
    graph.matmul(transposed(graph, scoreGradients), q, projected(graph, DK));

    CudnnDescriptor k = graph.intermediate(BF16, sizes(), projectedStrides());
    graph.reshape(transposedK, k);
    graph.matmul(scoreGradients, k, projected(graph, DQ));
  }

  private CudnnDescriptor projected(CudnnGraph graph, long id) {
    return graph.tensor(id, BF16, sizes(), projectedStrides());
  }

  private CudnnDescriptor result(CudnnGraph graph, long id) {
    return graph.tensor(id, BF16, sizes(), resultStrides());
  }

  private CudnnDescriptor rows(CudnnGraph graph, long id) {
    return graph.tensor(id, F32, rowSizes(), rowStrides());
  }

  private CudnnDescriptor scores(CudnnGraph graph) {
    return graph.intermediate(F32, scoreSizes(), scoreStrides(false));
  }

  private CudnnDescriptor transposed(CudnnGraph graph, CudnnDescriptor scores) {
    CudnnDescriptor view = graph.intermediate(BF16, scoreSizes(), scoreStrides(true));
    graph.reshape(scores, view);
    return view;
  }

  /** Sizes are in cuDNN's order: batch, heads, tokens, channels. */
  private long[] sizes() {
    return new long[] {shape.batch(), shape.heads(), shape.tokens(), shape.headChannels()};
  }

  private long[] transposedSizes() {
    return new long[] {shape.batch(), shape.heads(), shape.headChannels(), shape.tokens()};
  }

  private long[] rowSizes() {
    return new long[] {shape.batch(), shape.heads(), shape.tokens(), 1};
  }

  private long[] scoreSizes() {
    return new long[] {shape.batch(), shape.heads(), shape.tokens(), shape.tokens()};
  }

  private long rowLength() {
    return 3L * shape.heads() * shape.headChannels();
  }

  private long headStride() {
    return (shape.newOrder() ? 1L : 3L) * shape.headChannels();
  }

  private long[] projectedStrides() {
    return new long[] {shape.tokens() * rowLength(), headStride(), rowLength(), 1};
  }

  private long[] transposedStrides() {
    return new long[] {shape.tokens() * rowLength(), headStride(), 1, rowLength()};
  }

  private long[] resultStrides() {
    long row = (long) shape.heads() * shape.headChannels();
    return new long[] {shape.tokens() * row, shape.headChannels(), row, 1};
  }

  private long[] rowStrides() {
    return new long[] {(long) shape.heads() * shape.tokens(), shape.tokens(), 1, 1};
  }

  private long[] scoreStrides(boolean transposed) {
    long tokens = shape.tokens();
    long head = tokens * tokens;
    return transposed
        ? new long[] {shape.heads() * head, head, 1, tokens}
        : new long[] {shape.heads() * head, head, tokens, 1};
  }
}
