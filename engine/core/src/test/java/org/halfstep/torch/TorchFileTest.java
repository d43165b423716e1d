package org.halfstep.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.halfstep.fixtures.FixtureFolders;
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
    assertTrue(TorchFile.matches(path));
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
    assertFalse(TorchFile.matches(file(new byte[] {0x10, 0, 0})));
    assertFalse(TorchFile.matches(file(new byte[0])));
    // The length of a header can begin as a pickle does, or an archive.
    assertFalse(TorchFile.matches(file(new byte[] {(byte) 0x80, 2, 0, 0, 0, 0, 0, 0, '{', '}'})));
    assertFalse(TorchFile.matches(file(new byte[] {'P', 'K', 0, 0, 0, 0, 0, 0, '{', '}'})));
    assertTrue(TorchFile.matches(file(new byte[] {(byte) 0x80, 2, 0, 0, 0, 1, 0, 0, '{', '}'})));
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
  void objectsOfWhatIsNoClassAreRefused() throws IOException {
    // An empty tuple and an empty tuple, then NEWOBJ.
    String line = refusal(file(new byte[] {(byte) 0x80, 2, ')', ')', (byte) 0x81, '.'}));
    assertTrue(line.contains("makes an object of a tuple"), line);
  }

  @Test
  void aLengthBeyondTheFileIsRefusedBeforeItIsAllocated() throws IOException {
    String line = refusal(file(new byte[] {(byte) 0x80, 2, 'X', -1, -1, -1, 0x7f, 'a', '.'}));
    assertTrue(line.contains("announces 2147483647 bytes at byte 3"), line);
  }

  @Test
  void otherPicklesAreRefused() throws IOException {
    String line = refusal(file(new byte[] {(byte) 0x80, 2, 'K', 5, '.'}));
    assertTrue(
        line.contains("is a pickle, but not a file of torch.save: it begins with the number 5"),
        line);
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

  @ParameterizedTest
  @ValueSource(strings = {"archive.pth", "legacy.pth"})
  void columnsBeforeRowsAreBroughtIntoOrder(String name) throws IOException {
    // The strides [12, 4, 2, 1] become [12, 4, 1, 2].
    byte[] bytes =
        text(sample(name))
            .replace("(K\u000cK\u0004K\u0002K\u0001t", "(K\u000cK\u0004K\u0001K\u0002t")
            .getBytes(StandardCharsets.ISO_8859_1);
    Path path = file(name.startsWith("archive") ? withChecksums(bytes) : bytes);
    try (TorchFile file = TorchFile.open(path)) {
      float[] values = file.find("conv.weight").orElseThrow().floats();
      for (int i = 0; i < values.length; i++) {
        int transposed = i / 4 * 4 + i % 2 * 2 + i / 2 % 2;
        assertEquals(transposed / 8f, values[i]);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "(K\u000cK\u0004K\u0002K\u0000t", // every column the same number
        "(K\u000cK\u0004K\u0002K\u0003t", // beyond the end
        "(K\u000cK\u0004K\u0001K\u0001t", // rows that overlap
      })
  void stridesThatNoFileBoundsAreRefused(String strides) throws IOException {
    String line = refusal(replaced("legacy.pth", "(K\u000cK\u0004K\u0002K\u0001t", strides));
    assertTrue(line.contains("tensor conv.weight of shape [2, 3, 2, 2] and strides"), line);
    assertTrue(line.contains("does not lie whole"), line);
  }

  @Test
  void entriesUnderAClassArePassedOver() throws IOException {
    // What trainers keep: {Callback: 1, "conv.weight": ...}; and under a number, and a tuple.
    Path path =
        replaced(
            "legacy.pth",
            "(X\u000b\0\0\0conv.weight",
            "(cmy.module\nCallback\nK\u0001K\u0007K\u0001)K\u0001X\u000b\0\0\0conv.weight");
    try (TorchFile file = TorchFile.open(path)) {
      assertEquals(4, file.names().size());
    }
  }

  @Test
  void aKeyIsNotLookedInto() throws IOException {
    // A list of a list of ... twice each, 2^60 paths, as the key of a dictionary; then one that
    // contains itself.
    StringBuilder nested = new StringBuilder("\u0080\u0002]q\0");
    for (int level = 0; level < 60; level++) {
      nested.append("]h").append((char) level).append("ah").append((char) level).append("aq");
      nested.append((char) (level + 1));
    }
    for (String key :
        new String[] {nested + "}h\u003cK\u0001s.", "\u0080\u0002]q\0h\0a}h\0K\u0001s."}) {
      String line = refusal(file(key.getBytes(StandardCharsets.ISO_8859_1)));
      assertTrue(line.contains("begins with a dictionary"), line);
    }
  }

  @Test
  void valuesAreNotPrinted() throws IOException {
    // A list that contains itself where a tensor's arguments, an integer, a shape should be.
    for (String bad :
        new String[] {
          "ctorch._utils\n_rebuild_tensor_v2\n(]q\0h\0aK\0K\0K\0tR.",
          "ctorch._utils\n_rebuild_parameter\n(]q\0h\0atR.",
          "]q\0h\0a(K\u0001h\0u.",
          "]q\0h\0ah\0R.",
          "]q\0h\0aQ."
        }) {
      String line = refusal(file(("\u0080\u0002" + bad).getBytes(StandardCharsets.ISO_8859_1)));
      assertTrue(line.length() < 400, line);
    }
  }

  @Test
  void trainedParametersAreTensors() throws IOException {
    // _rebuild_parameter(tensor, True, OrderedDict()) in place of the tensor.
    String content = text(sample("legacy.pth"));
    int start = content.indexOf("ctorch._utils\n_rebuild_tensor_v2\n");
    int end = content.indexOf("X\u000e\0\0\0bn.running_var");
    String tensor = content.substring(start, end);
    assertTrue(start > 0 && end > start);
    String changed =
        content.substring(0, start)
            + "ctorch._utils\n_rebuild_parameter\n("
            + tensor
            + "\u0088)tR"
            + content.substring(end);
    try (TorchFile file = TorchFile.open(file(changed.getBytes(StandardCharsets.ISO_8859_1)))) {
      assertArrayEquals(new long[] {2, 3, 2, 2}, file.find("conv.weight").orElseThrow().shape());
    }
  }

  @Test
  void theOtherByteOrderIsRefused() throws IOException {
    String line = refusal(withEntry("big"));
    assertTrue(line.contains("of byte order \"big\""), line);
    TorchFile.open(withEntry("little")).close();
  }

  private Path withEntry(String order) throws IOException {
    return file(repacked(sample("archive.pth"), order));
  }

  private static byte[] withChecksums(byte[] archive) throws IOException {
    return repacked(archive, null);
  }

  /** The same archive with checksums that are right, and a byte order. */
  private static byte[] repacked(byte[] archive, String order) throws IOException {
    Map<String, byte[]> parts = new LinkedHashMap<>();
    // Read by its local headers, since checksums of parts that were changed are wrong.
    ByteBuffer bytes = ByteBuffer.wrap(archive).order(ByteOrder.LITTLE_ENDIAN);
    for (int at = 0; bytes.getInt(at) == 0x04034b50; ) {
      int name = bytes.getShort(at + 26);
      int extra = bytes.getShort(at + 28);
      String path = new String(archive, at + 30, name, StandardCharsets.US_ASCII);
      int begin = at + 30 + name + extra;
      int next = begin;
      while (bytes.getInt(next) != 0x04034b50 && bytes.getInt(next) != 0x02014b50) {
        next++;
      }
      int size = bytes.getInt(at + 22);
      if (size == 0) {
        size = next - begin - (bytes.getInt(next - 16) == 0x08074b50 ? 16 : 0);
      }
      parts.put(path, Arrays.copyOfRange(archive, begin, begin + size));
      at = next;
    }
    if (order != null) {
      String folder = parts.keySet().iterator().next().replaceAll("/.*", "/");
      parts.put(folder + "byteorder", order.getBytes(StandardCharsets.US_ASCII));
    }
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(out)) {
      zip.setMethod(ZipOutputStream.STORED);
      for (Map.Entry<String, byte[]> part : parts.entrySet()) {
        ZipEntry entry = new ZipEntry(part.getKey());
        CRC32 checksum = new CRC32();
        checksum.update(part.getValue());
        entry.setSize(part.getValue().length);
        entry.setCrc(checksum.getValue());
        zip.putNextEntry(entry);
        zip.write(part.getValue());
      }
    }
    return out.toByteArray();
  }

  @Test
  void anArchiveWhoseEndReachesBeyondItsEndIsRefused() throws IOException {
    byte[] bytes = repacked(sample("archive.pth"), null);
    bytes[bytes.length - 2] = 8; // a comment that is not there
    String line = refusal(file(bytes));
    assertTrue(line.contains("the archive is damaged"), line);
  }

  @Test
  void attemptsOfOthers() throws IOException {
    Optional<Path> cases = FixtureFolders.beside("cases/break");
    assumeTrue(cases.isPresent(), "there are no files of others' attempts");
    try (var files = Files.newDirectoryStream(cases.get(), "*.pth")) {
      for (Path path : files) {
        assertTrue(refusal(path).startsWith(path + ": "));
      }
    }
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
    assertTrue(line.contains("holds the number 5 under \"epoch\", expected a tensor"), line);
  }
}
