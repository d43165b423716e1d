package org.halfstep.safetensors;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.Random;
import org.halfstep.fixtures.FixtureFolders;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SafetensorsFileTest {
  @TempDir Path folder;

  private static byte[] file(String json, int dataBytes) {
    byte[] header = json.getBytes(StandardCharsets.UTF_8);
    return ByteBuffer.allocate(8 + header.length + dataBytes)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(header.length)
        .put(header)
        .array();
  }

  private String refusal(byte[] content) throws IOException {
    Path path = folder.resolve("hostile.safetensors");
    Files.write(path, content);
    String message =
        assertThrows(SafetensorsException.class, () -> SafetensorsFile.open(path).close())
            .getMessage();
    assertTrue(message.startsWith(path + ": byte "), message);
    assertEquals(1, message.lines().count(), message);
    return message;
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}|0|data_offsets [0, 8] lie outside the 0 bytes",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}|7|data_offsets [0, 8] lie outside the 7 bytes",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}|9|found 1 more bytes",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}|8|F32 [3] is 12 bytes, but data_offsets span 8",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}|8|data_offsets [8, 0] lie outside",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]}}|8|found -8",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}}|8|two data_offsets",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4,8]}}|8|more than 2 numbers",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}|8|found -2",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2.0],\"data_offsets\":[0,8]}}|8|expected an integer, found a fraction",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,8]}}|8|found 99999999999999999999",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}|0|overflows",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904],\"data_offsets\":[0,0]}}|0|overflows",
        "{\"a\":{\"dtype\":\"F31\",\"shape\":[2],\"data_offsets\":[0,8]}}|8|dtype F31 is not one of",
        "{\"a\":{\"dtype\":7,\"shape\":[2],\"data_offsets\":[0,8]}}|8|expected a string, found an integer",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}|8|expected dtype, shape and two data_offsets",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"x\":1}}|8|found \"x\"",
        "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}|8|Duplicate",
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[2,6]}}|6|overlapping the tensor before it, which ends at 4",
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[5,9]}}|9|leaving a gap after 4",
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[4,8]}}|8|Duplicate",
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[2,6]}}|6|leaving a gap after 0",
        "{\"__metadata__\":{\"k\":1}}|0|__metadata__ entry k: expected a string, found an integer",
        "{\"__metadata__\":[]}|0|expected an object, found an array",
        "{\"a\":3}|0|tensor a: expected an object, found an integer",
        "{\"a\":|0|bad JSON",
        "{}{}|0|expected only spaces",
        "[]|0|to start with '{'",
      })
  void refusesHostileHeaders(String json, int dataBytes, String expected) throws IOException {
    String message = refusal(file(json, dataBytes));
    assertTrue(message.contains(expected), message);
  }

  @Test
  void refusesBadHeaderLengths() throws IOException {
    assertTrue(refusal(new byte[0]).contains("byte 0: the file ends inside"));
    assertTrue(refusal(new byte[5]).contains("byte 5: the file ends inside"));
    assertTrue(
        refusal(length(-1, 100)).contains("header length 18446744073709551615 is over the limit"));
    assertTrue(refusal(length(100_000_001, 100)).contains("over the limit of 100000000"));
    assertTrue(
        refusal(length(101, 100))
            .contains("header length 101 reaches beyond the file's 108 bytes"));
    assertTrue(refusal(length(0, 100)).contains("byte 8: expected the JSON header to start"));
  }

  @Test
  void namesTheByteWhereTheHeaderIsWrong() throws IOException {
    String json = "{\"__metadata__\":{},\"a\":3}";
    assertTrue(refusal(file(json, 0)).contains("byte " + (8 + json.indexOf('3')) + ":"));
  }

  @Test
  void controlCharactersOfAFileDoNotReachTheMessage() throws IOException {
    assertFalse(refusal(file("{\"a\\n\\u001b[31m\":3}", 0)).contains("\u001b"));
  }

  private static byte[] length(long length, int rest) {
    return ByteBuffer.allocate(8 + rest).order(ByteOrder.LITTLE_ENDIAN).putLong(length).array();
  }

  @Test
  void acceptsUnpaddedHeadersScalarsAndEmptyTensors() throws IOException {
    String json =
        "{\"e\":{\"dtype\":\"F32\",\"shape\":[0,5],\"data_offsets\":[0,0]},"
            + "\"s\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}  ";
    byte[] content = file(json, 4);
    ByteBuffer.wrap(content).order(ByteOrder.LITTLE_ENDIAN).putFloat(content.length - 4, 2.5f);
    Path path = Files.write(folder.resolve("ok.safetensors"), content);
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      assertEquals(List.of("e", "s"), List.copyOf(file.names()));
      assertArrayEquals(new float[] {2.5f}, file.tensor("s").floats());
      assertEquals(0, file.tensor("e").floats().length);
      assertTrue(file.metadata().isEmpty());
      assertEquals(
          path + ": has no tensor named x",
          assertThrows(NoSuchElementException.class, () -> file.tensor("x")).getMessage());
    }
  }

  @Test
  void readsUnalignedTensors() throws IOException {
    String json =
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
            + "\"b\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[1,9]}}";
    byte[] content = file(json, 9);
    ByteBuffer.wrap(content).order(ByteOrder.LITTLE_ENDIAN).putDouble(content.length - 8, -0.1);
    Path path = Files.write(folder.resolve("unaligned.safetensors"), content);
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      assertArrayEquals(new double[] {-0.1}, file.tensor("b").doubles());
      assertArrayEquals(new float[] {-0.1f}, file.tensor("b").floats());
    }
  }

  @Test
  void everyDamagedHeaderIsReadOrRefusedInOneLine() throws IOException {
    Path path = folder.resolve("whole.safetensors");
    SafetensorsWriter.write(
        path,
        List.of(
            NamedTensor.f32("weight", new long[] {2, 2}, 1, 2, 3, 4),
            NamedTensor.i64("ids", new long[] {1}, 7)),
        Map.of("step", "3"));
    byte[] whole = Files.readAllBytes(path);
    Path damaged = folder.resolve("damaged.safetensors");
    Random random = new Random(1);
    int refused = 0;
    for (int i = 0; i < 3000; i++) {
      byte[] content =
          Arrays.copyOf(whole, i % 3 == 0 ? random.nextInt(whole.length) : whole.length);
      for (int k = random.nextInt(4); k >= 0 && content.length > 0; k--) {
        content[random.nextInt(content.length)] =
            (byte)
                (i % 2 == 0 ? random.nextInt() : " 0123456789-[]{},:\"".charAt(random.nextInt(19)));
      }
      Files.write(damaged, content);
      try (SafetensorsFile file = SafetensorsFile.open(damaged)) {
        for (String name : file.names()) {
          TensorView tensor = file.tensor(name);
          assertEquals(tensor.elements() * tensor.dtype().bytes(), tensor.data().byteSize());
        }
      } catch (SafetensorsException refusal) {
        assertEquals(1, refusal.getMessage().lines().count());
        refused++;
      }
    }
    assertTrue(refused > 1500, refused + " refused");
  }

  @Test
  void viewsEndWithTheFile() throws IOException {
    Path path = folder.resolve("a.safetensors");
    SafetensorsWriter.write(path, List.of(NamedTensor.f32("a", new long[] {1}, 1f)), Map.of());
    MemorySegment data;
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      data = file.tensor("a").data();
      assertTrue(data.isReadOnly());
    }
    assertFalse(data.scope().isAlive());
  }

  @Test
  void readsAReferenceFile() throws IOException {
    Optional<Path> path =
        FixtureFolders.present().stream()
            .map(fixtures -> fixtures.resolve("diffusion/schedule.safetensors"))
            .filter(Files::exists)
            .findFirst();
    assumeTrue(path.isPresent(), "no reference data in " + FixtureFolders.named());
    try (SafetensorsFile file = SafetensorsFile.open(path.get())) {
      TensorView t = file.tensor("t");
      assertEquals(Dtype.F64, t.dtype());
      assertArrayEquals(new long[] {101}, t.shape());
      double[] times = t.doubles();
      double[] alpha = file.tensor("alpha").doubles();
      for (int i = 0; i <= 100; i++) {
        assertEquals(i / 100.0, times[i], 1e-15);
        assertEquals(Math.cos(Math.PI / 2 * times[i]), alpha[i], 1e-12);
      }
      assertTrue(file.metadata().containsKey("formulas"));
    }
  }
}
