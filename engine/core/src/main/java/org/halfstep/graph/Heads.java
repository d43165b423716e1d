package org.halfstep.graph;

import org.halfstep.device.AttentionShape;

/**
 * Where the heads of queries, keys or values lie among the channels of a value.
 *
 * @param value what holds them, a token per pixel
 * @param offset channel at which the first head begins
 * @param stride channels from one head to the next
 * @param width channels of a head
 */
record Heads(Value value, int offset, int stride, int width) {

  /** The heads of a slice, side by side. */
  static Heads of(Slice slice, int heads) {
    if (heads < 1 || slice.channels() % heads != 0) {
      throw new IllegalArgumentException(
          slice.channels()
              + " channels of "
              + slice.vector()
              + " do not split into heads: "
              + heads);
    }
    int width = slice.channels() / heads;
    return new Heads(slice.vector(), slice.offset(), width, width);
  }

  /**
   * A third of the heads of a product of queries, keys and values.
   *
   * @param newOrder channels are (q/k/v, head, channel) instead of (head, q/k/v, channel)
   * @param third 0 for queries, 1 for keys, 2 for values
   */
  static Heads ofQkv(Value qkv, int heads, boolean newOrder, int third) {
    int width = qkv.shape().channels() / (3 * heads);
    if (qkv.shape().channels() != 3 * heads * width) {
      throw new IllegalArgumentException(
          qkv + " does not split into q, k and v of " + heads + " heads");
    }
    int step = newOrder ? heads * width : width;
    return new Heads(qkv, third * step, newOrder ? width : 3 * width, width);
  }

  int tokens() {
    return value.shape().pixels();
  }

  AttentionShape.Rows rows() {
    return new AttentionShape.Rows(value.shape().size(), value.shape().channels(), stride);
  }

  /** Their own channels, where no others lie between the heads. */
  Slice slice(int heads) {
    if (stride != width) {
      throw new IllegalArgumentException("the heads of " + value + " do not lie side by side");
    }
    return new Slice(value, offset, heads * width);
  }
}
