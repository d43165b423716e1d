package org.halfstep.torch;

import java.util.LinkedHashMap;

/**
 * A dictionary of a pickle, in its order. A key that is text or an integer is itself; any other is
 * opaque: equal to nothing but itself, and never looked into, since what a key contains can be made
 * to take for ever to hash, or to contain itself.
 */
final class PickledDictionary extends LinkedHashMap<Object, Object> {
  private static final long serialVersionUID = 1L;

  /** Stands for a key; two of them are never equal. */
  private static final class Opaque {}

  void set(Object key, Object value) {
    put(isPlain(key) ? key : new Opaque(), value);
  }

  private static boolean isPlain(Object key) {
    return key instanceof String || key instanceof Integer || key instanceof Long;
  }
}
