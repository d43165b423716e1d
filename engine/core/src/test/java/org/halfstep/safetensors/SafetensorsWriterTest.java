package org.halfstep.safetensors;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.halfstep.files.AtomicFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SafetensorsWriterTest {
  @TempDir Path folder;

  @Test
  void roundTripsEveryKind() throws IOException {
    Path path = folder.resolve("new/weights.safetensors");
    float[] large = new float[700_000];
    for (int i = 0; i < large.length; i++) {
      large[i] = i * 0.25f;
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment offHeap =
          arena.allocateFrom(java.lang.foreign.ValueLayout.JAVA_FLOAT, 1.5f, -2f);
      SafetensorsWriter.write(
          path,
          List.of(
              new NamedTensor(
                  "bytes", Dtype.U8, new long[] {3}, MemorySegment.ofArray(new byte[] {1, -1, 7})),
              new NamedTensor(
                  "half",
                  Dtype.F16,
                  new long[] {1},
                  MemorySegment.ofArray(new short[] {Float.floatToFloat16(0.1f)})),
              NamedTensor.f32("large", new long[] {7, 100_000}, large),
              NamedTensor.f32("off", new long[] {2, 1}, offHeap),
              NamedTensor.bf16("rounded", new long[] {2}, offHeap),
              NamedTensor.i64("ids", new long[] {2}, -5L, Long.MAX_VALUE),
              NamedTensor.f32("none", new long[] {0, 4})),
          Map.of("config", "{\"a\":\"ü\\n\"}", "b", ""));
    }
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      assertEquals(Map.of("config", "{\"a\":\"ü\\n\"}", "b", ""), file.metadata());
      assertEquals(
          List.of("ids", "large", "none", "off", "half", "rounded", "bytes"),
          List.copyOf(file.names()));
      assertArrayEquals(new long[] {1, 255, 7}, file.tensor("bytes").longs());
      assertArrayEquals(new float[] {0.099975586f}, file.tensor("half").floats());
      assertArrayEquals(large, file.tensor("large").floats());
      assertArrayEquals(new long[] {7, 100_000}, file.tensor("large").shape());
      assertArrayEquals(new double[] {1.5, -2}, file.tensor("off").doubles());
      assertArrayEquals(new float[] {1.5f, -2}, file.tensor("rounded").floats());
      assertArrayEquals(new long[] {-5, Long.MAX_VALUE}, file.tensor("ids").longs());
      assertEquals(0, file.tensor("none").elements());
      assertThrows(IllegalStateException.class, () -> file.tensor("bytes").floats());
      assertThrows(IllegalStateException.class, () -> file.tensor("off").longs());
      for (String name : file.names()) {
        assertEquals(
            0, file.tensor(name).data().address() % file.tensor(name).dtype().bytes(), name);
      }
    }
  }

  @Test
  void sameContentGivesSameBytesInAnyOrder() throws IOException {
    NamedTensor a = NamedTensor.f32("a", new long[] {1}, 1f);
    NamedTensor b = NamedTensor.i64("b", new long[] {1}, 2);
    SafetensorsWriter.write(folder.resolve("1"), List.of(a, b), Map.of("x", "1", "y", "2"));
    SafetensorsWriter.write(folder.resolve("2"), List.of(b, a), Map.of("y", "2", "x", "1"));
    byte[] first = Files.readAllBytes(folder.resolve("1"));
    assertArrayEquals(first, Files.readAllBytes(folder.resolve("2")));
    assertEquals(0, ByteBuffer.wrap(first).order(ByteOrder.LITTLE_ENDIAN).getLong() % 8);
  }

  @Test
  void aFailureLeavesTheOldFileAlone() throws IOException {
    Path path = folder.resolve("weights.safetensors");
    SafetensorsWriter.write(path, List.of(NamedTensor.f32("a", new long[] {1}, 1f)), Map.of());
    byte[] before = Files.readAllBytes(path);
    IOException failure =
        assertThrows(
            IOException.class,
            () ->
                AtomicFile.write(
                    path,
                    channel -> {
                      channel.write(ByteBuffer.wrap(new byte[100]));
                      throw new IOException("No space left on device");
                    }));
    assertEquals(
        path + ": could not be written, the file is as it was before: No space left on device",
        failure.getMessage());
    assertArrayEquals(before, Files.readAllBytes(path));
    try (Stream<Path> files = Files.list(folder)) {
      assertEquals(List.of(path), files.toList());
    }
  }

  @Test
  void refusesWhatCannotBeWritten() {
    NamedTensor a = NamedTensor.f32("a", new long[] {1}, 1f);
    assertThrows(
        IllegalArgumentException.class,
        () -> SafetensorsWriter.write(folder.resolve("x"), List.of(a, a), Map.of()));
    assertThrows(IllegalArgumentException.class, () -> NamedTensor.f32("a", new long[] {2}, 1f));
    assertThrows(
        IllegalArgumentException.class, () -> NamedTensor.f32("__metadata__", new long[] {1}, 1f));
    assertThrows(
        IllegalArgumentException.class, () -> NamedTensor.f32("a", new long[] {-1, -1}, 1f));
  }

  @Test
  void roundsToNearestEven() {
    assertEquals((short) 0x3f80, Bfloat16.fromFloat(1f));
    assertEquals(
        (short) 0x3f80, Bfloat16.fromFloat(Float.intBitsToFloat(0x3f80_8000))); // tie, even below
    assertEquals(
        (short) 0x3f82, Bfloat16.fromFloat(Float.intBitsToFloat(0x3f81_8000))); // tie, even above
    assertEquals((short) 0x3f81, Bfloat16.fromFloat(Float.intBitsToFloat(0x3f80_8001)));
    assertEquals((short) 0x7f80, Bfloat16.fromFloat(Float.MAX_VALUE));
    assertEquals((short) 0xff80, Bfloat16.fromFloat(Float.NEGATIVE_INFINITY));
    assertEquals((short) 0x8000, Bfloat16.fromFloat(-0f));
    assertTrue(
        Float.isNaN(Bfloat16.toFloat(Bfloat16.fromFloat(Float.intBitsToFloat(0x7f80_0001)))));
    for (int bits = 0; bits < 0x7f80; bits++) {
      assertEquals((short) bits, Bfloat16.fromFloat(Bfloat16.toFloat((short) bits)));
    }
  }
}
