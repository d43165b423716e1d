package org.halfstep.device;

/**
 * A kernel whose arguments are set by the names of their fields, while it is bound. What a field
 * means is said in {@code native/include/halfstep.h}; those that are not set are zero or null.
 */
public interface KernelCall extends Launch {
  /**
   * Sets arguments.
   *
   * @param names of the fields, with a space between them
   * @param values one for each name: addresses and sizes as numbers, flags as booleans, a {@link
   *     DataType}, an {@link Activation}
   * @return this
   * @throws IllegalArgumentException if there is no such field, or a value is not of its type
   */
  KernelCall with(String names, Object... values);

  /**
   * Bytes of the workspace that it needs, by the sizes that were set; 0 also where the device lacks
   * the kernel.
   *
   * @param gradient whether of a backward pass
   */
  long workspaceBytes(boolean gradient);
}
