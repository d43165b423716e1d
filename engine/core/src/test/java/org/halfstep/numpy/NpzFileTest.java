package org.halfstep.numpy;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
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
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.halfstep.data.SampleBatchFile;
import org.halfstep.files.DataException;
import org.halfstep.image.ImageBatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

/** NumPy's files: what is written comes back, what is wrong is refused in one line. */
class NpzFileTest {
  @TempDir private Path folder;

  @Test
  void arraysComeBack() throws IOException {
    Path file = folder.resolve("a.npz");
    double[] doubles = {1, -2.5, 1e300, 0, 3, 7};
    NpzFile.write(
        file,
        writer -> {
          writer.add("d", NpyArray.of(doubles, 2, 3));
          writer.add("f", NpyArray.of(new float[] {1.5f, -3}, 2));
          writer.add("l", NpyArray.of(new long[] {Long.MIN_VALUE, 5}, 1, 2));
          writer.add("b", NpyArray.of(new byte[] {0, -1}, 2));
        });
    try (NpzFile npz = NpzFile.open(file)) {
      assertEquals(List.of("d", "f", "l", "b"), npz.names());
      assertArrayEquals(doubles, npz.array("d").doubles());
      assertArrayEquals(new long[] {2, 3}, npz.array("d").shape());
      assertArrayEquals(new double[] {1.5, -3}, npz.array("f").doubles());
      assertArrayEquals(new long[] {Long.MIN_VALUE, 5}, npz.array("l").longs());
      assertArrayEquals(new long[] {0, 255}, npz.array("b").longs());
      assertEquals(NpyType.UINT8, npz.array("b").type());
      refused("no array x, only d, f, l, b", () -> npz.array("x"));
    }
  }

  @Test
  void singleArraysComeBack() throws IOException {
    Path file = folder.resolve("a.npy");
    NpyArray.of(new double[] {4, 5}, 2, 1).write(file);
    assertEquals(0, (Files.size(file) - 16) % 64);
    assertArrayEquals(new double[] {4, 5}, NpyArray.read(file).doubles());
    byte[] bytes = Files.readAllBytes(file);
    Files.write(file, Arrays.copyOf(bytes, bytes.length - 1));
    refused("15 bytes of numbers", () -> NpyArray.read(file));
    refused("missing", () -> NpyArray.read(folder.resolve("none.npy")));
  }

  @Test
  void otherOrdersAreTurned() throws IOException {
    byte[] big = npy("{'descr':'>i4','fortran_order':False,'shape':(2,)}", 0, 0, 1, 2, 0, 0, 0, 3);
    assertArrayEquals(new long[] {258, 3}, read(big).longs());
    byte[] fortran =
        npy("{'fortran_order': True, 'shape': (2, 3), \"descr\": \"|u1\", }", 1, 4, 2, 5, 3, 6);
    assertArrayEquals(new long[] {1, 2, 3, 4, 5, 6}, read(fortran).longs());
    assertArrayEquals(
        new long[] {9},
        read(npy("{'descr': '|u1', 'fortran_order': False, 'shape': ()}", 9)).longs());
  }

  @Test
  void hostileHeadersAreRefusedBeforeAnythingIsAllocated() {
    String u1 = "{'descr': '|u1', 'fortran_order': False, 'shape': ";
    refused("bytes of numbers", () -> read(npy(u1 + "(9000000000000,)}", 1)));
    refused("impossible shape", () -> read(npy(u1 + "(4294967296, 4294967296)}", 1)));
    refused("impossible shape", () -> read(npy(u1 + "(99999999999999999999,)}", 1)));
    refused("impossible shape", () -> read(npy(u1 + "(1,1,1,1,1,1,1,1,1)}", 1)));
    refused("impossible shape", () -> read(npy(u1 + "(,)}", 1)));
    refused("not understood", () -> read(npy(u1 + "(-1,)}", 1)));
    refused("not understood", () -> read(npy(u1 + "(1,), 'more': 1}", 1)));
    refused("not understood", () -> read(npy(u1 + "(1,)", 1)));
    refused("not understood", () -> read(npy("__import__('os')", 1)));
    refused("not understood", () -> read(npy(u1 + "True}", 1)));
    refused("twice", () -> read(npy("{'shape': (1,), 'shape': (1,), 'descr': '|u1'}", 1)));
    refused(
        "Python objects",
        () -> read(npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", 1)));
    refused(
        "type <c16", () -> read(npy("{'descr': '<c16', 'fortran_order': False, 'shape': ()}", 1)));
    refused("not a NumPy array", () -> read("hello, world".getBytes(StandardCharsets.UTF_8)));
    refused("ends inside", () -> read(Arrays.copyOf(npy(u1 + "(1,)}", 1), 30)));
    byte[] version = npy(u1 + "(1,)}", 1);
    version[6] = 9;
    refused("version 9", () -> read(version));
    byte[] length = npy(u1 + "(1,)}", 1);
    length[6] = 2;
    Arrays.fill(length, 8, 12, (byte) -1);
    refused("header of 4294967295 bytes", () -> read(length));
  }

  @Test
  void damagedArchivesAreRefused() throws IOException {
    Path file = folder.resolve("a.npz");
    Files.writeString(file, "no archive");
    refused("not an .npz file", () -> NpzFile.open(file));
    refused("missing", () -> NpzFile.open(folder.resolve("none.npz")));
    byte[] beyond = stored(npy("{'descr':'|u1','fortran_order':False,'shape':(3,)}", 5, 6, 7));
    beyond[beyond.length - 2] = 8; // a comment that is not there
    Files.write(file, beyond);
    refused("not an .npz file", () -> NpzFile.open(file));
    byte[] good = stored(npy("{'descr':'|u1','fortran_order':False,'shape':(3,)}", 5, 6, 7));
    Files.write(file, good);
    try (NpzFile npz = NpzFile.open(file)) {
      assertArrayEquals(new long[] {5, 6, 7}, npz.array("a").longs());
    }
    int at = 0;
    while (good[at] != 5 || good[at + 1] != 6) {
      at++;
    }
    good[at] ^= 1;
    Files.write(file, good);
    try (NpzFile npz = NpzFile.open(file)) {
      refused("a is damaged (wrong checksum)", () -> npz.array("a"));
    }
    Files.write(file, Arrays.copyOf(good, good.length - 5));
    refused("not an .npz file", () -> NpzFile.open(file));
  }

  /** What an attack found: the comment's length in an archive's last bytes, beyond its end. */
  @Test
  void anArchiveThatEndsTooEarlyIsSaidToDoSo() throws IOException {
    Path file = folder.resolve("early.npz");
    NpzFile.write(file, npz -> npz.add("a", NpyArray.of(new float[] {1, 2}, 2)));
    byte[] bytes = Files.readAllBytes(file);
    bytes[bytes.length - 1] ^= 1;
    Files.write(file, bytes);
    DataException refused = assertThrows(DataException.class, () -> NpzFile.open(file).close());
    assertTrue(refused.getMessage().endsWith("(it ends too early)"), refused.getMessage());
  }

  @Test
  void sizesThatTheArchiveCannotHoldAreRefused() throws IOException {
    String text = "{'descr':'|u1','fortran_order':False,'shape':(2000000000,)}";
    byte[] archive = deflated(npy(text, 1, 2, 3));
    // The uncompressed size in the central directory follows the shape's lie.
    int central = lastIndexOf(archive, 0x02014b50);
    int header = npy(text).length;
    ByteBuffer.wrap(archive)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putInt(central + 24, 2_000_000_000 + header);
    Path file = folder.resolve("a.npz");
    Files.write(file, archive);
    try (NpzFile npz = NpzFile.open(file)) {
      refused("cannot have", () -> npz.array("a"));
    }
  }

  @Test
  void samplesComeBackInBatches() throws IOException {
    Path file = folder.resolve("samples.npz");
    byte[] pixels = new byte[5 * 2 * 3 * 3];
    for (int i = 0; i < pixels.length; i++) {
      pixels[i] = (byte) (3 * i);
    }
    ImageBatch all = new ImageBatch(5, 2, 3, 3, pixels);
    ImageBatch rest = new ImageBatch(2, 2, 3, 3, Arrays.copyOfRange(pixels, 54, 90));
    int[] labels = {1, 0, 4, 2, 9};
    Iterator<ImageBatch> parts = List.of(all.first(3), rest).iterator();
    SampleBatchFile.write(file, 5, Optional.of(labels), parts::next);
    try (SampleBatchFile samples = SampleBatchFile.open(file)) {
      assertEquals(5, samples.count());
      assertEquals(
          List.of(2, 3, 3), List.of(samples.height(), samples.width(), samples.channels()));
      assertArrayEquals(labels, samples.labels().orElseThrow());
      ImageBatch first = samples.next(4);
      ImageBatch second = samples.next(4);
      assertEquals(4, first.count());
      assertArrayEquals(pixels, ImageBatch.concatenated(List.of(first, second)).pixels());
      assertEquals(0, samples.next(4).count());
    }
    assertThrows(
        IllegalArgumentException.class,
        () -> SampleBatchFile.write(file, 6, Optional.empty(), () -> all));
    Iterator<ImageBatch> tooFew = List.of(all, all.first(0)).iterator();
    assertThrows(
        IllegalArgumentException.class,
        () -> SampleBatchFile.write(file, 6, Optional.empty(), tooFew::next));
    assertThrows(
        IllegalArgumentException.class,
        () -> SampleBatchFile.write(file, 4, Optional.empty(), () -> all));
    assertThrows(
        IllegalArgumentException.class,
        () -> SampleBatchFile.write(file, 5, Optional.of(new int[4]), () -> all));
    try (SampleBatchFile samples = SampleBatchFile.open(file)) {
      assertEquals(5, samples.count(), "a failed write left the old file");
    }
  }

  @Test
  void filesThatAreNoSamplesAreRefused() throws IOException {
    Path file = folder.resolve("samples.npz");
    NpzFile.write(file, writer -> writer.add("arr_0", NpyArray.of(new float[12], 1, 2, 2, 3)));
    refused("FLOAT32 (1, 2, 2, 3); expected UINT8", () -> SampleBatchFile.open(file));
    NpzFile.write(file, writer -> writer.add("arr_0", NpyArray.of(new byte[12], 12)));
    refused("(12,); expected", () -> SampleBatchFile.open(file));
    NpzFile.write(file, writer -> writer.add("mu", NpyArray.of(new byte[12], 12)));
    refused("no array arr_0", () -> SampleBatchFile.open(file));
    NpzFile.write(
        file,
        writer -> {
          writer.add("arr_0", NpyArray.of(new byte[4], 2, 2, 1, 1));
          writer.add("arr_1", NpyArray.of(new long[] {1, -1}, 2));
        });
    try (SampleBatchFile samples = SampleBatchFile.open(file)) {
      refused("label -1 at 1", samples::labels);
    }
  }

  private static void refused(String part, Executable call) {
    String message = assertThrows(DataException.class, call).getMessage();
    assertTrue(message.contains(part), message);
    assertFalse(message.contains("\n"), message);
  }

  private NpyArray read(byte[] npy) throws IOException {
    Path file = folder.resolve("read.npy");
    Files.write(file, npy);
    return NpyArray.read(file);
  }

  private static byte[] npy(String header, int... data) {
    ByteBuffer bytes = ByteBuffer.allocate(10 + header.length() + data.length);
    bytes.order(ByteOrder.LITTLE_ENDIAN).put((byte) 0x93);
    bytes.put("NUMPY\1\0".getBytes(StandardCharsets.ISO_8859_1)).putShort((short) header.length());
    bytes.put(header.getBytes(StandardCharsets.ISO_8859_1));
    for (int one : data) {
      bytes.put((byte) one);
    }
    return bytes.array();
  }

  private static byte[] stored(byte[] npy) throws IOException {
    ZipEntry entry = new ZipEntry("a.npy");
    CRC32 checksum = new CRC32();
    checksum.update(npy);
    entry.setMethod(ZipEntry.STORED);
    entry.setSize(npy.length);
    entry.setCrc(checksum.getValue());
    return archive(entry, npy);
  }

  private static byte[] deflated(byte[] npy) throws IOException {
    return archive(new ZipEntry("a.npy"), npy);
  }

  private static byte[] archive(ZipEntry entry, byte[] npy) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
      zip.putNextEntry(entry);
      zip.write(npy);
    }
    return bytes.toByteArray();
  }

  private static int lastIndexOf(byte[] bytes, int signature) {
    ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    for (int at = bytes.length - Integer.BYTES; at >= 0; at--) {
      if (buffer.getInt(at) == signature) {
        return at;
      }
    }
    throw new AssertionError("no central directory");
  }
}
