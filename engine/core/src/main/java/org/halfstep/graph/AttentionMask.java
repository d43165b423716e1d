package org.halfstep.graph;

/**
 * Which keys a query sees.
 *
 * @param causal only those of tokens up to its own
 * @param lengths an input of {@link Graph#labels}: only the first so many keys of a sample, at
 *     least one; null for all
 */
public record AttentionMask(boolean causal, Value lengths) {
  /** Every query sees every key. */
  public static final AttentionMask NONE = new AttentionMask(false, null);

  /** Each token sees itself and those before it. */
  public static final AttentionMask CAUSAL = new AttentionMask(true, null);

  public AttentionMask {
    if (lengths != null && lengths.storage() != Value.Storage.I32) {
      throw new IllegalArgumentException(lengths + " does not hold whole numbers");
    }
  }

  /** Every query sees the first keys of its sample, as padded sequences need it. */
  public static AttentionMask lengths(Value lengths) {
    return new AttentionMask(false, lengths);
  }
}
