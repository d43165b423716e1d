package org.halfstep.torch;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipFile;

/** The zip archive of a PyTorch file: everything in one folder, and nothing compressed. */
final class StoredArchive implements AutoCloseable {
  private static final String PICKLE = "/data.pkl";
  private static final String ORDER = "byteorder";
  private static final int LONGEST_ORDER = 64;
  private static final int CHUNK = 1 << 16;

  private final Path path;
  private final Arena arena;
  private final ZipFile zip;
  private final String folder;
  private long taken;

  /**
   * @param arena where the contents go
   */
  StoredArchive(Path path, Arena arena) throws IOException {
    this.path = path;
    this.arena = arena;
    try {
      zip = new ZipFile(path.toFile());
    } catch (EOFException | ZipException | IllegalArgumentException damaged) {
      throw new TorchFileException(
          path, "the archive is damaged (" + damaged.getMessage() + ")", damaged);
    }
    folder =
        zip.stream()
            .map(ZipEntry::getName)
            .filter(name -> name.endsWith(PICKLE))
            .map(name -> name.substring(0, name.length() - PICKLE.length() + 1))
            .findFirst()
            .orElse(null);
    if (folder == null) {
      zip.close();
      throw new TorchFileException(
          path, "is an archive without data.pkl, so it was not written by torch.save");
    }
  }

  /**
   * Refuses numbers in the other byte order.
   *
   * @throws TorchFileException when the archive says that it was written so; PyTorch before 2.1
   *     says nothing, and wrote the order of its machine
   */
  void requireLittleEndian() throws IOException {
    if (zip.getEntry(folder + ORDER) == null) {
      return;
    }
    MemorySegment text = file(ORDER);
    String order =
        text.byteSize() > LONGEST_ORDER
            ? "unknown"
            : new String(text.toArray(ValueLayout.JAVA_BYTE), StandardCharsets.US_ASCII).strip();
    if (!order.equals("little")) {
      throw new TorchFileException(
          path, "was written on a machine of byte order \"" + order + "\", expected \"little\"");
    }
  }

  /** The contents of a file of the archive. */
  MemorySegment file(String name) throws IOException {
    ZipEntry entry = zip.getEntry(folder + name);
    if (entry == null) {
      throw new TorchFileException(path, "the archive has no " + folder + name);
    }
    long size = entry.getSize();
    if (entry.getMethod() != ZipEntry.STORED || size < 0 || size > Files.size(path)) {
      throw new TorchFileException(
          path, folder + name + " is compressed, or has a wrong size; torch.save stores it plain");
    }
    taken += size;
    if (taken > Files.size(path)) {
      throw new TorchFileException(
          path, "its files overlap: together they are larger than the archive");
    }
    MemorySegment target = arena.allocate(Math.max(size, 1), Long.BYTES).asSlice(0, size);
    CRC32 checksum = new CRC32();
    long done = 0;
    try (InputStream in = zip.getInputStream(entry)) {
      byte[] chunk = new byte[CHUNK];
      for (int count = in.read(chunk); count >= 0; count = in.read(chunk)) {
        MemorySegment.copy(
            MemorySegment.ofArray(chunk), 0, target, done, Math.min(count, size - done));
        checksum.update(chunk, 0, count);
        done += count;
      }
    } catch (IOException | IndexOutOfBoundsException damaged) {
      throw new TorchFileException(path, folder + name + " is damaged", damaged);
    }
    if (done != size || checksum.getValue() != entry.getCrc()) {
      throw new TorchFileException(path, folder + name + " is damaged: wrong size or checksum");
    }
    return target;
  }

  @Override
  public void close() throws IOException {
    zip.close();
  }
}
