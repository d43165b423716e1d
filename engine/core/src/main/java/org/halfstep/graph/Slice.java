package org.halfstep.graph;

/** A range of the channels of a value, often a vector, read in place. */
public record Slice(Value vector, int offset, int channels) {
  public Slice {
    if (offset < 0 || offset + channels > vector.shape().channels()) {
      throw new IllegalArgumentException(
          "channels " + offset + ".." + (offset + channels) + " lie outside " + vector);
    }
  }
}
