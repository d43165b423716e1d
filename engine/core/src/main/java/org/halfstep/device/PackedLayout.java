package org.halfstep.device;

/**
 * In which order a convolution's packed weight lies. Equal layouts of one weight are the same
 * bytes, whoever packed them, so plans of a network share them.
 */
public interface PackedLayout extends AutoCloseable {
  /** For people: "Winograd F(4x4)". */
  String title();

  /** A layout is a value. */
  @Override
  boolean equals(Object other);

  @Override
  int hashCode();

  /** Frees what a library needs to compare it. */
  @Override
  default void close() {}

  /**
   * A layout that a few numbers tell.
   *
   * @param title for people
   * @param inputs channels read
   * @param outputs channels written
   * @param offset first of the stored weight's input channels
   */
  record Plain(String title, int inputs, int outputs, int offset) implements PackedLayout {}
}
