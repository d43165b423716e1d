package org.halfstep.onnx;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.Set;
import org.halfstep.files.DataException;
import org.halfstep.safetensors.Dtype;
import org.halfstep.safetensors.TensorView;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Weights in models that are written here field by field. */
class OnnxFileTest {
  private static final int FLOAT = 1;

  @TempDir private Path folder;

  /** A message of Protocol Buffers. */
  private static final class Proto {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    private void varint(long value) {
      long left = value;
      while ((left & ~0x7fL) != 0) {
        out.write((int) (left & 0x7f | 0x80));
        left >>>= 7;
      }
      out.write((int) left);
    }

    Proto number(int field, long value) {
      varint((long) field << 3);
      varint(value);
      return this;
    }

    Proto bytes(int field, byte... value) {
      varint((long) field << 3 | 2);
      varint(value.length);
      out.writeBytes(value);
      return this;
    }

    Proto text(int field, String value) {
      return bytes(field, value.getBytes(StandardCharsets.UTF_8));
    }

    byte[] toBytes() {
      return out.toByteArray();
    }
  }

  private static byte[] floats(float... values) {
    ByteBuffer bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    for (float value : values) {
      bytes.putFloat(value);
    }
    return bytes.array();
  }

  private static Proto weight(String name, int type, byte[] data, long... shape) {
    Proto weight = new Proto();
    for (long extent : shape) {
      weight.number(1, extent);
    }
    return weight.number(2, type).text(8, name).bytes(9, data);
  }

  private static Proto node(String name, String... inputs) {
    Proto node = new Proto();
    for (String input : inputs) {
      node.text(1, input);
    }
    return node.text(2, "y").text(3, name).text(4, "MatMul");
  }

  private static byte[] whole(byte[] graph) {
    return new Proto().number(1, 6).text(2, "test").bytes(7, graph).toBytes();
  }

  private static byte[] small() {
    Proto graph = new Proto();
    graph.bytes(1, node("/layer.0/dense/MatMul", "/x", "onnx::MatMul_7").toBytes());
    graph.bytes(1, node("/other", "layer.0.dense.bias").toBytes());
    graph.bytes(5, weight("layer.0.dense.bias", FLOAT, floats(1, 2, 3), 3).toBytes());
    graph.bytes(5, weight("onnx::MatMul_7", FLOAT, floats(1, 2, 3, 4, 5, 6), 2, 3).toBytes());
    // Extents and numbers packed, as other writers have them.
    graph.bytes(
        5,
        new Proto()
            .bytes(1, new byte[] {2, 1})
            .bytes(4, floats(7, 8))
            .number(2, FLOAT)
            .text(8, "packed")
            .toBytes());
    return whole(graph.toBytes());
  }

  private OnnxFile open(byte[] bytes) throws IOException {
    return OnnxFile.open(Files.write(folder.resolve("model.onnx"), bytes));
  }

  @Test
  void weightsGoByTheirNamesOrTheirReaders() throws IOException {
    try (OnnxFile file = open(small())) {
      assertEquals(Set.of("layer.0.dense.bias", "layer.0.dense.MatMul", "packed"), file.names());
      TensorView matrix = file.find("layer.0.dense.MatMul").orElseThrow();
      assertEquals(Dtype.F32, matrix.dtype());
      assertArrayEquals(new long[] {2, 3}, matrix.shape());
      assertArrayEquals(new float[] {1, 2, 3, 4, 5, 6}, matrix.floats());
      TensorView packed = file.find("packed").orElseThrow();
      assertArrayEquals(new long[] {2, 1}, packed.shape());
      assertArrayEquals(new float[] {7, 8}, packed.floats());
      assertTrue(file.find("onnx::MatMul_7").isEmpty());
    }
  }

  private String refusal(byte[] bytes) {
    String line = assertThrows(DataException.class, () -> open(bytes).close()).getMessage();
    assertEquals(1, line.lines().count(), line);
    assertTrue(line.contains("model.onnx: "), line);
    return line;
  }

  private static byte[] one(Proto weight) {
    return whole(new Proto().bytes(5, weight.toBytes()).toBytes());
  }

  @Test
  void whatIsNoModelIsRefusedInALine() {
    assertTrue(refusal(new byte[0]).contains("has no graph"));
    assertTrue(refusal("PK\3\4".getBytes(StandardCharsets.US_ASCII)).contains("model.onnx"));
    String beside = refusal(one(weight("w", FLOAT, floats(), 2).number(14, 1)));
    assertTrue(beside.contains("weight w lies in a file beside this one"), beside);
    String shape = refusal(one(weight("w", FLOAT, floats(1, 2), 3)));
    assertTrue(shape.contains("weight w has shape [3] of F32, but 8 bytes"), shape);
    assertTrue(refusal(one(weight("w", FLOAT, floats(1), 1L << 62, 4))).contains("has shape"));
    assertTrue(refusal(one(weight("w", FLOAT, floats(1), -1))).contains("has shape"));
    assertTrue(refusal(one(weight("w", 8, floats(1), 1))).contains("is of type 8"));
    long[] many = new long[9];
    Arrays.fill(many, 1);
    assertTrue(refusal(one(weight("w", FLOAT, floats(1), many))).contains("more than 8 extents"));
    Proto twice = new Proto();
    twice.bytes(5, weight("w", FLOAT, floats(1), 1).toBytes());
    twice.bytes(5, weight("w", FLOAT, floats(1), 1).toBytes());
    assertTrue(refusal(whole(twice.toBytes())).contains("two weights of the name w"));
  }

  /** Every cut, and every byte changed, ends in weights or in one line. */
  @Test
  void damageIsRefusedOrReadWithinTheFile() throws IOException {
    byte[] good = small();
    for (int length = 1; length < good.length; length++) {
      tryOpen(Arrays.copyOf(good, length));
    }
    Random random = new Random(3);
    for (int i = 0; i < good.length; i++) {
      byte[] bad = good.clone();
      bad[i] = (byte) random.nextInt();
      tryOpen(bad);
    }
  }

  private void tryOpen(byte[] bytes) throws IOException {
    try (OnnxFile file = open(bytes)) {
      for (String name : file.names()) {
        TensorView tensor = file.find(name).orElseThrow();
        if (tensor.dtype().isFloating()) {
          tensor.floats();
        }
      }
    } catch (DataException refused) {
      assertEquals(1, refused.getMessage().lines().count(), refused.getMessage());
    }
  }
}
