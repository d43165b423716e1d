package org.halfstep.onnx;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.halfstep.files.DataException;
import org.halfstep.files.Printable;
import org.halfstep.safetensors.Dtype;
import org.halfstep.safetensors.TensorView;

/** Reads one weight: a TensorProto. */
final class OnnxTensor {
  private static final int DIMENSION = 1;
  private static final int TYPE = 2;
  private static final int FLOATS = 4;
  private static final int NAME = 8;
  private static final int RAW = 9;
  private static final int LOCATION = 14;
  private static final int MOST_DIMENSIONS = 8;

  private final List<Long> shape = new ArrayList<>();
  private long type;
  private long location;
  private String name = "";
  private MemorySegment data = MemorySegment.NULL;

  private OnnxTensor() {}

  static TensorView read(Message message) throws DataException {
    OnnxTensor tensor = new OnnxTensor();
    while (message.next()) {
      tensor.readField(message);
    }
    return tensor.view(message);
  }

  private void readField(Message message) throws DataException {
    switch (message.field()) {
      case DIMENSION -> {
        if (message.type() == Message.BYTES) {
          Message packed = message.message();
          while (!packed.isEmpty()) {
            addExtent(message, packed.varint());
          }
        } else {
          addExtent(message, message.number());
        }
      }
      case TYPE -> type = message.number();
      case NAME -> name = message.text();
      case LOCATION -> location = message.number();
      // Numbers of float32 that are packed lie as raw ones do.
      case RAW, FLOATS -> data = message.bytes();
      default -> message.skip();
    }
  }

  private void addExtent(Message message, long extent) throws DataException {
    if (shape.size() == MOST_DIMENSIONS) {
      throw message.refuse("a weight of more than " + MOST_DIMENSIONS + " extents");
    }
    shape.add(extent);
  }

  private TensorView view(Message message) throws DataException {
    String shown = "weight " + Printable.line(name);
    if (location != 0) {
      throw message.refuse(
          shown + " lies in a file beside this one; expected a model in a single file");
    }
    Dtype dtype =
        switch ((int) type) {
          case 1 -> Dtype.F32;
          case 2 -> Dtype.U8;
          case 3 -> Dtype.I8;
          case 6 -> Dtype.I32;
          case 7 -> Dtype.I64;
          case 10 -> Dtype.F16;
          case 11 -> Dtype.F64;
          case 16 -> Dtype.BF16;
          default -> throw message.refuse(shown + " is of type " + type + ", which is not known");
        };
    long[] extents = shape.stream().mapToLong(Long::longValue).toArray();
    if (bytes(extents, dtype) != data.byteSize()) {
      throw message.refuse(
          shown
              + " has shape "
              + shape
              + " of "
              + dtype
              + ", but "
              + data.byteSize()
              + " bytes; the file is damaged, or keeps numbers in another form");
    }
    return new TensorView(name, dtype, extents, data);
  }

  /** Bytes of a tensor; -1 where there is no such tensor. */
  private static long bytes(long[] shape, Dtype dtype) {
    long bytes = dtype.bytes();
    for (long extent : shape) {
      if (extent < 0 || extent != 0 && bytes > Long.MAX_VALUE / extent) {
        return -1;
      }
      bytes *= extent;
    }
    return bytes;
  }
}
