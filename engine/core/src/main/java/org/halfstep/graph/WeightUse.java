package org.halfstep.graph;

/**
 * How the weights of a network are used, which decides what of them is packed.
 *
 * @param memory bytes that packed weights may take, as far as that is possible; {@link
 *     #USUAL_MEMORY} for what is usual for such a file
 * @param evaluations how often the network is evaluated before it is closed; {@link #MANY} where
 *     nobody knows. For a few of them a weight is read where its file is mapped, if packing it
 *     takes longer than it saves; the results are the same bits
 */
public record WeightUse(long memory, long evaluations) {
  /** So much that what is fastest is packed of usual files. */
  public static final long USUAL_MEMORY = 0;

  /** As often as somebody asks. */
  public static final long MANY = Long.MAX_VALUE;

  public WeightUse {
    if (memory < 0) {
      throw new IllegalArgumentException(
          "memory for packed weights must be at least 1 byte, or 0 for the default, got " + memory);
    }
    if (evaluations < 1) {
      throw new IllegalArgumentException(
          "a network is evaluated once at least, got " + evaluations + " evaluations");
    }
  }

  /** For as many evaluations as somebody asks for. */
  public static WeightUse within(long memory) {
    return new WeightUse(memory, MANY);
  }

  /** The usual memory, for as many evaluations as somebody asks for. */
  public static WeightUse standard() {
    return within(USUAL_MEMORY);
  }

  boolean isKnown() {
    return evaluations != MANY;
  }
}
