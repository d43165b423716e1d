package org.halfstep.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Set;
import org.halfstep.safetensors.Dtype;
import org.halfstep.safetensors.TensorView;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The two sample files were written by PyTorch 1.13. */
class TorchFileTest {
  @TempDir private Path folder;

  private static byte[] sample(String name) throws IOException {
    try (InputStream in = TorchFileTest.class.getResourceAsStream(name)) {
      return in.readAllBytes();
    }
  }

  private Path file(byte[] bytes) throws IOException {
    return Files.write(folder.resolve("weights.pth"), bytes);
  }

  /** The bytes as characters, so that parts can be replaced. */
  private static String text(byte[] bytes) {
    return new String(bytes, StandardCharsets.ISO_8859_1);
  }

  private Path replaced(String name, String part, String with) throws IOException {
    String before = text(sample(name));
    assertTrue(before.contains(part), "nothing to replace");
    return file(before.replace(part, with).getBytes(StandardCharsets.ISO_8859_1));
  }

  private static String refusal(Path file) {
    return assertThrows(TorchFileException.class, () -> TorchFile.open(file).close()).getMessage();
  }

  @ParameterizedTest
  @ValueSource(strings = {"archive.pth", "legacy.pth"})
  void readsWhatPyTorchWrites(String name) throws IOException {
    Path path = file(sample(name));
    assertTrue(TorchFile.isOne(path));
    try (TorchFile file = TorchFile.open(path)) {
      assertEquals(
          Set.of("conv.weight", "bn.running_var", "bn.num_batches_tracked", "half"), file.names());
      TensorView kernel = file.find("conv.weight").orElseThrow();
      assertArrayEquals(new long[] {2, 3, 2, 2}, kernel.shape());
      float[] values = kernel.floats();
      for (int i = 0; i < values.length; i++) {
        assertEquals(i / 8f, values[i]);
      }
      assertArrayEquals(
          new float[] {5 / 8f, 6 / 8f, 7 / 8f, 1},
          file.find("bn.running_var").orElseThrow().floats());
      assertArrayEquals(new long[] {7}, file.find("bn.num_batches_tracked").orElseThrow().longs());
      TensorView half = file.find("half").orElseThrow();
      assertEquals(Dtype.F16, half.dtype());
      assertArrayEquals(new float[] {1.5f, -2}, half.floats());
      assertTrue(file.find("fc.weight").isEmpty());
    }
  }

  @Test
  void safetensorsAreNotPyTorchs() throws IOException {
    assertFalse(TorchFile.isOne(file(new byte[] {0x10, 0, 0})));
    assertFalse(TorchFile.isOne(file(new byte[0])));
  }

  @ParameterizedTest
  @ValueSource(strings = {"cposix\nsystem\n", "iposix\nsystem\n", "c__builtin__\neval\n"})
  void codeIsRefusedByName(String instruction) throws IOException {
    String name = instruction.substring(1).strip().replace('\n', '.');
    String line = refusal(replaced("legacy.pth", "ccollections\nOrderedDict\n", instruction));
    assertTrue(line.contains("asks for " + name + ", which is refused"), line);
    assertEquals(1, line.lines().count());
  }

  @Test
  void codeNamedOnTheStackIsRefusedByName() throws IOException {
    // Protocol 4: two short strings, then the instruction that makes a function of them.
    byte[] pickle =
        "\u0080\u0004\u008c\u0005posix\u008c\u0006system\u0093."
            .getBytes(StandardCharsets.ISO_8859_1);
    String line = refusal(file(pickle));
    assertTrue(line.contains("asks for posix.system, which is refused"), line);
  }

  @Test
  void aKnownFunctionThatIsNoTensorConstructorIsNotCalled() throws IOException {
    // razorvine itself would construct these.
    for (String name : new String[] {"decimal\nDecimal\n", "datetime\ndate\n", "array\narray\n"}) {
      String line = refusal(replaced("legacy.pth", "ccollections\nOrderedDict\n", "c" + name));
      assertTrue(line.contains(name.strip().replace('\n', '.')), line);
    }
  }

  @Test
  void instructionsThatBuildObjectsAreRefused() throws IOException {
    // An empty tuple and an empty tuple, then NEWOBJ.
    String line = refusal(file(new byte[] {(byte) 0x80, 2, ')', ')', (byte) 0x81, '.'}));
    assertTrue(line.contains("instruction 0x81 at byte 4"), line);
  }

  @Test
  void aLengthBeyondTheFileIsRefusedBeforeItIsAllocated() throws IOException {
    String line = refusal(file(new byte[] {(byte) 0x80, 2, 'X', -1, -1, -1, 0x7f, 'a', '.'}));
    assertTrue(line.contains("announces 2147483647 bytes at byte 3"), line);
  }

  @Test
  void otherPicklesAreRefused() throws IOException {
    String line = refusal(file(new byte[] {(byte) 0x80, 2, 'K', 5, '.'}));
    assertTrue(line.contains("is a pickle, but not a file of torch.save: it begins with 5"), line);
  }

  @ParameterizedTest
  @ValueSource(strings = {"archive.pth", "legacy.pth"})
  void everyTruncationIsRefused(String name) throws IOException {
    byte[] whole = sample(name);
    for (int length = 2; length < whole.length; length++) {
      String line = refusal(file(Arrays.copyOf(whole, length)));
      assertTrue(line.contains("weights.pth: "), line);
      assertEquals(1, line.lines().count(), line);
    }
  }

  @Test
  void changedNumbersOfAnArchiveAreRefused() throws IOException {
    byte[] bytes = sample("archive.pth");
    int at = text(bytes).indexOf("\0\0\u0080\u003f"); // a one
    assertTrue(at > 0);
    bytes[at] ^= 1;
    String line = refusal(file(bytes));
    assertTrue(line.contains("is damaged"), line);
  }

  @Test
  void tensorsBeyondTheirStorageAreRefused() throws IOException {
    // The shape [2, 3, 2, 2] becomes [2, 3, 2, 9].
    String line =
        refusal(
            replaced("legacy.pth", "(K\u0002K\u0003K\u0002K\u0002t", "(K\u0002K\u0003K\u0002K\tt"));
    assertTrue(line.contains("tensor conv.weight of shape [2, 3, 2, 9]"), line);
  }

  @Test
  void columnsBeforeRowsAreRefused() throws IOException {
    // The strides [12, 4, 2, 1] become [12, 4, 1, 2].
    String line =
        refusal(
            replaced(
                "legacy.pth", "(K\u000cK\u0004K\u0002K\u0001t", "(K\u000cK\u0004K\u0001K\u0002t"));
    assertTrue(line.contains("tensor conv.weight of shape [2, 3, 2, 2] does not lie whole"), line);
  }

  @Test
  void whatIsNoTensorIsRefusedByItsName() throws IOException {
    // A dictionary as a training checkpoint has it: {"epoch": 5}.
    byte[] legacy = sample("legacy.pth");
    String content = text(legacy);
    int start = content.indexOf("\u0080\u0002ccollections");
    String changed =
        content.substring(0, start)
            + "\u0080\u0002}X\u0005\0\0\0epochK\u0005s."
            + "\u0080\u0002]."; // no storages
    String line = refusal(file(changed.getBytes(StandardCharsets.ISO_8859_1)));
    assertTrue(line.contains("holds \"epoch\", which is no tensor"), line);
  }
}
