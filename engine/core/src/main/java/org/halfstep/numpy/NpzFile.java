package org.halfstep.numpy;

import java.io.BufferedOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.zip.CRC32;
import java.util.zip.CheckedInputStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipFile;
import org.halfstep.files.AtomicFile;
import org.halfstep.files.DataException;
import org.halfstep.files.FailureReason;
import org.halfstep.files.InputFile;

/**
 * A file of named NumPy arrays: a zip archive of {@code NAME.npy}, stored or deflated. Sizes are
 * compared with each other and with the file before anything is allocated, and each array's
 * checksum after it was read.
 */
public final class NpzFile implements AutoCloseable {
  private static final String SUFFIX = ".npy";

  /** Deflate cannot expand data by more than this factor, but for a few bytes. */
  private static final long MAXIMUM_INFLATION = 1032;

  private final Path file;
  private final ZipFile zip;

  private NpzFile(Path file, ZipFile zip) {
    this.file = file;
    this.zip = zip;
  }

  /**
   * Opens a file.
   *
   * @throws DataException if it is missing or no zip archive
   */
  public static NpzFile open(Path file) throws IOException {
    try {
      InputFile.require(file, "an .npz file", ".npz");
      return new NpzFile(file, new ZipFile(file.toFile()));
    } catch (NoSuchFileException missing) {
      throw new DataException(file, "the file is missing");
    } catch (EOFException | ZipException | IllegalArgumentException damaged) {
      String reason =
          damaged instanceof EOFException ? "it ends too early" : FailureReason.of(damaged);
      throw new DataException(file, "is not an .npz file, or is damaged (" + reason + ")");
    }
  }

  /** The file. */
  public Path path() {
    return file;
  }

  /** Names of the arrays, in the order of the file. */
  public List<String> names() {
    return zip.stream()
        .map(ZipEntry::getName)
        .filter(name -> name.endsWith(SUFFIX))
        .map(name -> name.substring(0, name.length() - SUFFIX.length()))
        .toList();
  }

  /** Whether there is an array of this name. */
  public boolean has(String name) {
    return zip.getEntry(name + SUFFIX) != null;
  }

  /**
   * A whole array, of less than 2 GiB.
   *
   * @throws DataException if it is missing, malformed or damaged
   */
  public NpyArray array(String name) throws IOException {
    try (Input input = input(name)) {
      byte[] bytes = new byte[NpyArray.checkedLength(input.header(), file, name + " ")];
      input.readFully(bytes, bytes.length);
      return NpyArray.of(input.header(), bytes);
    }
  }

  /** An array to be read from its start to its end, of any size. */
  public Input input(String name) throws IOException {
    ZipEntry entry = zip.getEntry(name + SUFFIX);
    if (entry == null) {
      throw new DataException(file, "has no array " + name + ", only " + shortList());
    }
    Input input = new Input(name, entry);
    try {
      input.readHeader();
      return input;
    } catch (Throwable failure) {
      input.close();
      throw failure;
    }
  }

  private String shortList() {
    List<String> names = names();
    String list = String.join(", ", names.subList(0, Math.min(names.size(), 8)));
    return names.isEmpty()
        ? "other files"
        : list.replaceAll("[^ -~]", "?") + (names.size() > 8 ? ", ..." : "");
  }

  @Override
  public void close() throws IOException {
    zip.close();
  }

  /** One array on its way from the file. */
  public final class Input implements AutoCloseable {
    private final String name;
    private final ZipEntry entry;
    private final CRC32 checksum = new CRC32();
    private final InputStream stream;
    private NpyHeader header;
    private long left;

    private Input(String name, ZipEntry entry) throws IOException {
      this.name = name;
      this.entry = entry;
      try {
        stream = new CheckedInputStream(zip.getInputStream(entry), checksum);
      } catch (ZipException damaged) {
        throw damaged(damaged);
      }
    }

    private void readHeader() throws IOException {
      try {
        header = NpyHeader.read(stream, file, name + " ");
      } catch (EOFException | ZipException damaged) {
        throw damaged(damaged);
      }
      left = header.dataBytes();
      long size = entry.getSize();
      if (left != size - header.length()) {
        throw new DataException(
            file,
            name
                + " has a shape of "
                + header.shapeText()
                + ", "
                + left
                + " bytes, but "
                + (size - header.length())
                + " bytes of numbers");
      }
      long packed = Math.min(entry.getCompressedSize(), Files.size(file));
      if (size / MAXIMUM_INFLATION > packed) {
        throw new DataException(
            file, name + " cannot have " + size + " bytes in " + packed + "; the file is damaged");
      }
    }

    public NpyHeader header() {
      return header;
    }

    /** Reads the next bytes; the checksum is compared after the last one. */
    public void readFully(byte[] bytes, int length) throws IOException {
      try {
        if (stream.readNBytes(bytes, 0, length) < length) {
          throw new EOFException("its data ends early");
        }
        left -= length;
        if (left == 0 && (stream.read() >= 0 || checksum.getValue() != entry.getCrc())) {
          throw new ZipException("wrong checksum");
        }
      } catch (EOFException | ZipException damaged) {
        throw damaged(damaged);
      }
    }

    private DataException damaged(IOException cause) {
      return new DataException(file, name + " is damaged (" + cause.getMessage() + ")");
    }

    @Override
    public void close() throws IOException {
      stream.close();
    }
  }

  /** Gives the arrays of a new file. */
  @FunctionalInterface
  public interface Content {
    void writeTo(NpzWriter writer) throws IOException;
  }

  /** Creates or replaces a file, whole or not at all. */
  public static void write(Path file, Content content) throws IOException {
    AtomicFile.write(
        file,
        channel -> {
          OutputStream output =
              new BufferedOutputStream(Channels.newOutputStream(channel), 1 << 16);
          NpzWriter writer = new NpzWriter(output);
          content.writeTo(writer);
          writer.finish();
          output.flush();
        });
  }
}
