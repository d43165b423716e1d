package org.halfstep.graph;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.halfstep.device.DataType;
import org.halfstep.device.HostView;
import org.halfstep.device.Launch;
import org.halfstep.safetensors.Bfloat16;

/**
 * Rows of a table, by their numbers, from where its file is mapped: a table of tokens is large, and
 * a text names few of its rows.
 */
final class MappedRows implements Launch {
  private static final ValueLayout.OfShort HALF =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Parameter table;
  private final MemorySegment stored;
  private final DataType type;
  private final MemorySegment ids;
  private final MemorySegment rows;
  private final int count;
  private final int dimension;

  /**
   * @param stored the table's numbers
   * @param type F32, F16 or BF16, of those
   * @param ids int32, in memory that the host shares with the device
   * @param rows float32, where they go
   */
  MappedRows(Parameter table, MemorySegment stored, DataType type, HostView ids, HostView rows) {
    this.table = table;
    this.stored = stored;
    this.type = type;
    this.ids = ids.memory();
    this.rows = rows.memory();
    this.count = (int) (this.ids.byteSize() / Integer.BYTES);
    this.dimension = table.shape().getLast();
  }

  /**
   * @throws IllegalArgumentException when a number is none of the table's
   */
  @Override
  public void run() {
    for (int i = 0; i < count; i++) {
      int id = ids.getAtIndex(ValueLayout.JAVA_INT, i);
      if (id < 0 || (long) id * dimension >= table.size()) {
        throw new IllegalArgumentException(table + " has no row " + id);
      }
      copy((long) id * dimension, (long) i * dimension);
    }
  }

  private void copy(long from, long to) {
    if (type == DataType.F32) {
      MemorySegment.copy(
          stored,
          FLOAT,
          Float.BYTES * from,
          rows,
          ValueLayout.JAVA_FLOAT,
          Float.BYTES * to,
          dimension);
      return;
    }
    for (int j = 0; j < dimension; j++) {
      short bits = stored.get(HALF, Short.BYTES * (from + j));
      float value = type == DataType.F16 ? Float.float16ToFloat(bits) : Bfloat16.toFloat(bits);
      rows.setAtIndex(ValueLayout.JAVA_FLOAT, to + j, value);
    }
  }
}
