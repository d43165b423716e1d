package org.halfstep.device;

/**
 * Attention of queries to keys, softmax(q k^T / sqrt(d)) v per head.
 *
 * @param batch samples
 * @param queries tokens that ask
 * @param keys tokens that are asked
 * @param heads heads
 * @param headWidth channels of one head, d
 * @param causal whether query i sees keys 0..i only
 * @param padded whether each sample says how many of its keys take part
 * @param layout where queries, keys, values and results lie; their gradients lie likewise
 * @param type storage type of the activations
 */
public record AttentionShape(
    int batch,
    int queries,
    int keys,
    int heads,
    int headWidth,
    boolean causal,
    boolean padded,
    Layout layout,
    DataType type) {

  public AttentionShape {
    if (batch < 1 || queries < 1 || keys < 1 || heads < 1 || headWidth < 1) {
      throw new IllegalArgumentException("attention sizes must be positive");
    }
  }

  /** How the rows of heads lie: elements from one sample, row and head to the next. */
  public record Rows(long sample, long row, long head) {}

  public record Layout(Rows q, Rows k, Rows v, Rows y) {}

  /**
   * Addresses of the first row of each.
   *
   * @param lengths int32 per sample, how many of its keys take part; 0 unless padded
   * @param logSumExp 0 when no backward pass follows
   * @param workspace of the forward pass
   */
  public record Memory(
      long q, long k, long v, long y, long lengths, long logSumExp, long workspace) {}

  /**
   * Addresses of gradients, all but the first overwritten.
   *
   * @param workspace of the backward pass
   */
  public record Gradients(long dy, long dq, long dk, long dv, long workspace) {}

  /** What scores are multiplied by. */
  public float scale() {
    return (float) (1 / Math.sqrt(headWidth));
  }

  /** Bytes of the log-sum-exp rows that the forward pass leaves for the backward pass. */
  public long logSumExpBytes() {
    return (long) Float.BYTES * batch * heads * queries;
  }
}
