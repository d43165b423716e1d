package org.halfstep.graph;

import java.util.BitSet;
import java.util.EnumMap;

/**
 * Where the values of a plan are while some of its steps run, and what lies beside them. Values
 * that are computed anew on the way back are somewhere else by then.
 */
final class ValueBuffers {
  private final Buffer[] values;
  private final EnumMap<Companion, Buffer[]> companions = new EnumMap<>(Companion.class);

  ValueBuffers(int count) {
    this(new Buffer[count]);
    for (Companion companion : Companion.values()) {
      companions.put(companion, new Buffer[count]);
    }
  }

  private ValueBuffers(Buffer[] values) {
    this.values = values;
  }

  /** The same, in which some values are nowhere yet. */
  ValueBuffers without(BitSet ids) {
    ValueBuffers others = new ValueBuffers(values.clone());
    companions.forEach((companion, all) -> others.companions.put(companion, all.clone()));
    ids.stream()
        .forEach(
            id -> {
              others.values[id] = null;
              others.companions.values().forEach(all -> all[id] = null);
            });
    return others;
  }

  /** Null where it has no memory yet. */
  Buffer value(Value value) {
    return values[value.id()];
  }

  void put(Value value, Buffer buffer) {
    values[value.id()] = buffer;
  }

  /** Null where nothing was left beside it. */
  Buffer companion(Companion companion, Value value) {
    return companions.get(companion)[value.id()];
  }

  void put(Companion companion, Value value, Buffer buffer) {
    companions.get(companion)[value.id()] = buffer;
  }
}
