package org.halfstep.device.cuda.cudnn;

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
 * factor s, or its gradients. Queries, keys and values stay where they are, often side by side in
 * the rows of one matrix, and so do their gradients; sums are in float32.
 *
 * <p>Forward, cuDNN has one operation for all of it. Backward, it knows the operations that
 * FlashAttention-2 (Dao, 2023) consists of, and fuses them: P = exp(s q k^T - statistics), dv = P^T
 * dy, dS = s P (dy v^T - rows(dy y)), dk = dS^T q, dq = dS k.
 *
 * @param shape in bfloat16, without masks
 */
record CudnnAttentionGraph(Kind kind, AttentionShape shape) implements CudnnGraphSpec {

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

  CudnnAttentionGraph {
    if (shape.type() != DataType.BF16) {
      throw new IllegalArgumentException("cuDNN's attention needs bfloat16, got " + shape.type());
    }
    if (shape.causal() || shape.padded()) {
      throw new IllegalArgumentException("attention with a mask is ours, got " + shape);
    }
  }

  @Override
  public Optional<CudnnGraphSpec> core() {
    return Optional.empty();
  }

  @Override
  public DataType type() {
    return shape.type();
  }

  long rowSumBytes() {
    return (long) Float.BYTES * shape.batch() * shape.heads() * shape.queries();
  }

  /**
   * What cuDNN keeps between its two backward kernels: the gradients of the scores, bfloat16. With
   * them each row of dq is summed in one place. (A float32 dq of ours in the graph would make it
   * add parts of dq there instead, in the order in which blocks finish.)
   */
  long scoreGradientBytes() {
    return type().bytes()
        * shape.batch()
        * shape.heads()
        * tiled(shape.queries())
        * tiled(shape.keys());
  }

  private static long tiled(int tokens) {
    return (long) Math.ceilDiv(tokens, TILE) * TILE;
  }

  @Override
  public List<TrialMemory.Tensor> tensors() {
    List<TrialMemory.Tensor> tensors = new ArrayList<>();
    tensors.add(tensor(Q, shape.queries(), layout().q()));
    tensors.add(tensor(K, shape.keys(), layout().k()));
    tensors.add(tensor(V, shape.keys(), layout().v()));
    tensors.add(tensor(Y, shape.queries(), layout().y()));
    if (kind != Kind.INFERENCE) {
      tensors.add(new TrialMemory.Tensor(STATISTICS, rowSumBytes()));
    }
    if (kind == Kind.BACKWARD) {
      tensors.add(tensor(DQ, shape.queries(), layout().q()));
      tensors.add(tensor(DK, shape.keys(), layout().k()));
      tensors.add(tensor(DV, shape.keys(), layout().v()));
      tensors.add(tensor(DY, shape.queries(), layout().y()));
      tensors.add(new TrialMemory.Tensor(ROW_SUMS, rowSumBytes()));
    }
    return tensors;
  }

  private TrialMemory.Tensor tensor(long id, int tokens, AttentionShape.Rows rows) {
    long last =
        (shape.batch() - 1) * rows.sample()
            + (tokens - 1) * rows.row()
            + (shape.heads() - 1) * rows.head();
    return new TrialMemory.Tensor(id, type().bytes() * (last + shape.headWidth()));
  }

  @Override
  public Map<Long, Float> numbers() {
    return kind == Kind.BACKWARD
        ? Map.of(FACTOR, shape.scale(), ONE, 1f)
        : Map.of(FACTOR, shape.scale());
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
            .set(Cudnn.CUDNN_ATTR_OPERATION_SDPA_FWD_QDESC, queries(graph, Q))
            .set(Cudnn.CUDNN_ATTR_OPERATION_SDPA_FWD_KDESC, keys(graph, K))
            .set(Cudnn.CUDNN_ATTR_OPERATION_SDPA_FWD_VDESC, values(graph, V))
            .set(Cudnn.CUDNN_ATTR_OPERATION_SDPA_FWD_ODESC, result(graph, Y))
            .set(Cudnn.CUDNN_ATTR_OPERATION_SDPA_FWD_SCALEDESC, graph.number(FACTOR));
    if (kind == Kind.FORWARD) {
      operation.set(Cudnn.CUDNN_ATTR_OPERATION_SDPA_FWD_STATSDESC, rows(graph, STATISTICS));
    }
    graph.add(operation);
  }

  /** The order and the strides are those by which cuDNN knows the graph. */
  private void backward(CudnnGraph graph) {
    CudnnDescriptor q = queries(graph, Q);
    CudnnDescriptor transposedK = transposed(graph, K, layout().k());
    CudnnDescriptor transposedV = transposed(graph, V, layout().v());
    CudnnDescriptor dy = result(graph, DY);
    CudnnDescriptor factor = graph.number(FACTOR);
    CudnnDescriptor rowSums = rows(graph, ROW_SUMS);

    CudnnDescriptor products = graph.intermediate(F32, querySizes(), strides(layout().y()));
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
    graph.matmul(transposed(graph, probabilities), dy, values(graph, DV));

    CudnnDescriptor upstream = scores(graph);
    graph.matmul(dy, transposedV, upstream);
    CudnnDescriptor centred = scores(graph);
    graph.pointwise(Cudnn.CUDNN_POINTWISE_SUB, upstream, rowSums, centred);
    CudnnDescriptor weighted = scores(graph);
    graph.pointwise(Cudnn.CUDNN_POINTWISE_MUL, centred, probabilities, weighted);
    CudnnDescriptor scoreGradients = scores(graph);
    graph.pointwise(Cudnn.CUDNN_POINTWISE_MUL, weighted, factor, scoreGradients);
    graph.matmul(transposed(graph, scoreGradients), q, keys(graph, DK));

    CudnnDescriptor k = graph.intermediate(BF16, keySizes(), strides(layout().k()));
    graph.reshape(transposedK, k);
    graph.matmul(scoreGradients, k, queries(graph, DQ));
  }

  private AttentionShape.Layout layout() {
    return shape.layout();
  }

  private CudnnDescriptor queries(CudnnGraph graph, long id) {
    return graph.tensor(id, BF16, querySizes(), strides(layout().q()));
  }

  private CudnnDescriptor keys(CudnnGraph graph, long id) {
    return graph.tensor(id, BF16, keySizes(), strides(layout().k()));
  }

  private CudnnDescriptor values(CudnnGraph graph, long id) {
    return graph.tensor(id, BF16, keySizes(), strides(layout().v()));
  }

  private CudnnDescriptor result(CudnnGraph graph, long id) {
    return graph.tensor(id, BF16, querySizes(), strides(layout().y()));
  }

  private CudnnDescriptor transposed(CudnnGraph graph, long id, AttentionShape.Rows rows) {
    long[] sizes = {shape.batch(), shape.heads(), shape.headWidth(), shape.keys()};
    return graph.tensor(id, BF16, sizes, new long[] {rows.sample(), rows.head(), 1, rows.row()});
  }

  private CudnnDescriptor rows(CudnnGraph graph, long id) {
    return graph.tensor(id, F32, rowSizes(), rowStrides());
  }

  private CudnnDescriptor scores(CudnnGraph graph) {
    return graph.intermediate(F32, scoreSizes(), scoreStrides());
  }

  private CudnnDescriptor transposed(CudnnGraph graph, CudnnDescriptor scores) {
    long head = (long) shape.queries() * shape.keys();
    long[] sizes = {shape.batch(), shape.heads(), shape.keys(), shape.queries()};
    CudnnDescriptor view =
        graph.intermediate(BF16, sizes, new long[] {shape.heads() * head, head, 1, shape.keys()});
    graph.reshape(scores, view);
    return view;
  }

  /** Sizes are in cuDNN's order: batch, heads, tokens, channels. */
  private long[] querySizes() {
    return new long[] {shape.batch(), shape.heads(), shape.queries(), shape.headWidth()};
  }

  private long[] keySizes() {
    return new long[] {shape.batch(), shape.heads(), shape.keys(), shape.headWidth()};
  }

  private long[] rowSizes() {
    return new long[] {shape.batch(), shape.heads(), shape.queries(), 1};
  }

  private long[] scoreSizes() {
    return new long[] {shape.batch(), shape.heads(), shape.queries(), shape.keys()};
  }

  private static long[] strides(AttentionShape.Rows rows) {
    return new long[] {rows.sample(), rows.head(), rows.row(), 1};
  }

  private long[] rowStrides() {
    return new long[] {(long) shape.heads() * shape.queries(), shape.queries(), 1, 1};
  }

  private long[] scoreStrides() {
    long head = (long) shape.queries() * shape.keys();
    return new long[] {shape.heads() * head, head, shape.keys(), 1};
  }
}
