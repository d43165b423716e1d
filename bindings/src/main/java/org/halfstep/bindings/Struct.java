package org.halfstep.bindings;

import java.lang.foreign.AddressLayout;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A C struct as data: its name, and the names and types of its fields in C's order. The layout
 * follows as C lays it out. Fields are set by name, which looks them up: when something is bound,
 * not when it runs.
 */
public final class Struct {

  /** Fields of one type, side by side. */
  record Fields(ValueLayout type, List<String> names) {}

  private record Field(ValueLayout type, long offset) {}

  private final String name;
  private final StructLayout layout;
  private final Map<String, Field> fields = new LinkedHashMap<>();

  private Struct(String name, Fields... groups) {
    this.name = name;
    List<MemoryLayout> members = new ArrayList<>();
    long offset = 0;
    long alignment = 1;
    for (Fields group : groups) {
      long size = group.type.byteSize();
      alignment = Math.max(alignment, size);
      for (String field : group.names) {
        offset = pad(members, offset, size);
        members.add(group.type.withName(field));
        fields.put(field, new Field(group.type, offset));
        offset += size;
      }
    }
    pad(members, offset, alignment);
    layout = MemoryLayout.structLayout(members.toArray(MemoryLayout[]::new)).withName(name);
  }

  private static long pad(List<MemoryLayout> members, long offset, long alignment) {
    long next = Math.ceilDiv(offset, alignment) * alignment;
    if (next > offset) {
      members.add(MemoryLayout.paddingLayout(next - offset));
    }
    return next;
  }

  static Struct of(String name, Fields... fields) {
    return new Struct(name, fields);
  }

  static Fields pointer(String... names) {
    return new Fields(ValueLayout.ADDRESS, List.of(names));
  }

  static Fields int64(String... names) {
    return new Fields(ValueLayout.JAVA_LONG, List.of(names));
  }

  static Fields int32(String... names) {
    return new Fields(ValueLayout.JAVA_INT, List.of(names));
  }

  static Fields float64(String... names) {
    return new Fields(ValueLayout.JAVA_DOUBLE, List.of(names));
  }

  static Fields float32(String... names) {
    return new Fields(ValueLayout.JAVA_FLOAT, List.of(names));
  }

  /** The name in C. */
  public String name() {
    return name;
  }

  public StructLayout layout() {
    return layout;
  }

  boolean has(String fieldName) {
    return fields.containsKey(fieldName);
  }

  /** A struct with every field zero, or null where it is a pointer. */
  public MemorySegment allocate(SegmentAllocator allocator) {
    return allocator.allocate(layout).fill((byte) 0);
  }

  /**
   * Some of the fields, to be set together.
   *
   * @param names with a space between them
   * @throws IllegalArgumentException if there is no such field
   */
  public Selection select(String names) {
    List<String> each = List.of(names.split(" "));
    each.forEach(this::field);
    return new Selection(this, each);
  }

  /** Fields of a struct that are set together, in the order of their names. */
  public record Selection(Struct struct, List<String> names) {

    /**
     * Sets the fields. A pointer takes a {@link MemorySegment} or an address as a {@code long},
     * where 0 is the null pointer; an int64 takes a {@code long} or {@code int}, an int32 an {@code
     * int} or, for a flag, a {@code boolean}; a float or double takes its own type only.
     *
     * @param values one for each field
     * @return {@code memory}
     * @throws IllegalArgumentException if a value is not of its field's type
     */
    public MemorySegment set(MemorySegment memory, Object... values) {
      if (values.length != names.size()) {
        throw new IllegalArgumentException(
            struct + ": " + values.length + " values for the fields " + names);
      }
      for (int i = 0; i < values.length; i++) {
        struct.set(memory, names.get(i), values[i]);
      }
      return memory;
    }

    /** A struct with these fields set, and every other zero, or null where it is a pointer. */
    public MemorySegment allocate(SegmentAllocator allocator, Object... values) {
      return set(struct.allocate(allocator), values);
    }
  }

  private Field field(String fieldName) {
    Field field = fields.get(fieldName);
    if (field == null) {
      throw new IllegalArgumentException(
          name + " has no field '" + fieldName + "', only " + fields.keySet());
    }
    return field;
  }

  private void set(MemorySegment struct, String fieldName, Object value) {
    Field field = field(fieldName);
    long at = field.offset;
    switch (field.type) {
      case AddressLayout type when value instanceof MemorySegment segment ->
          struct.set(type, at, segment);
      case AddressLayout type when value instanceof Long address ->
          struct.set(type, at, MemorySegment.ofAddress(address));
      case ValueLayout.OfLong type when value instanceof Long number ->
          struct.set(type, at, number);
      case ValueLayout.OfLong type when value instanceof Integer number ->
          struct.set(type, at, number);
      case ValueLayout.OfInt type when value instanceof Integer number ->
          struct.set(type, at, number);
      case ValueLayout.OfInt type when value instanceof Boolean flag ->
          struct.set(type, at, flag ? 1 : 0);
      case ValueLayout.OfFloat type when value instanceof Float number ->
          struct.set(type, at, number);
      case ValueLayout.OfDouble type when value instanceof Double number ->
          struct.set(type, at, number);
      default ->
          throw new IllegalArgumentException(
              name
                  + "."
                  + fieldName
                  + " does not take "
                  + (value == null ? null : value + " (" + value.getClass().getName() + ")"));
    }
  }

  @Override
  public String toString() {
    return name;
  }
}
