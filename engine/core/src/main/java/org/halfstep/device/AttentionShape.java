package org.halfstep.device;

/**
 * Self-attention over the pixels of an image.
 *
 * @param batch samples
 * @param tokens pixels
 * @param heads heads
 * @param headChannels channels of one head
 * @param newOrder rows of the qkv projection are (q/k/v, head, channel) instead of (head, q/k/v,
 *     channel)
 * @param type storage type of the activations
 */
public record AttentionShape(
    int batch, int tokens, int heads, int headChannels, boolean newOrder, DataType type) {

  public AttentionShape {
    if (batch < 1 || tokens < 1 || heads < 1 || headChannels < 1) {
      throw new IllegalArgumentException("attention sizes must be positive");
    }
  }

  /** Bytes of the log-sum-exp rows that the forward pass leaves for the backward pass. */
  public long logSumExpBytes() {
    return (long) Float.BYTES * batch * heads * tokens;
  }
}
