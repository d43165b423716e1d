package org.halfstep.files;

import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;

/**
 * Reads a file, plain or gzipped, and turns every surprise into one line that says where it was.
 */
public final class CheckedInput implements AutoCloseable {
  /**
   * Deflate cannot expand data by more than this factor, so it bounds what a gzip file can hold.
   */
  private static final long MAXIMUM_INFLATION = 1032;

  private static final int BUFFER_BYTES = 1 << 16;
  private static final int GZIP_MAGIC = 0x1f8b;
  private static final long FIRST_PART_BYTES = 1 << 26;

  private final Path path;
  private final InputStream input;
  private final boolean compressed;
  private final long maximumBytes;
  private final byte[] buffer = new byte[BUFFER_BYTES];
  private long position;

  private CheckedInput(Path path, InputStream input, boolean compressed, long maximumBytes) {
    this.path = path;
    this.input = input;
    this.compressed = compressed;
    this.maximumBytes = maximumBytes;
  }

  public static CheckedInput open(Path path) throws IOException {
    if (!Files.exists(path)) {
      throw new DataException(path, "the file is missing");
    }
    InputFile.require(path, "a file of data", "");
    InputStream raw = new BufferedInputStream(Files.newInputStream(path), BUFFER_BYTES);
    try {
      long size = Files.size(path);
      raw.mark(2);
      boolean compressed = (raw.read() << 8 | raw.read()) == GZIP_MAGIC;
      raw.reset();
      if (!compressed) {
        return new CheckedInput(path, raw, false, size);
      }
      long maximum =
          size > Long.MAX_VALUE / MAXIMUM_INFLATION ? Long.MAX_VALUE : size * MAXIMUM_INFLATION;
      return new CheckedInput(path, new GZIPInputStream(raw, BUFFER_BYTES), true, maximum);
    } catch (EOFException | ZipException damaged) {
      raw.close();
      throw new DataException(path, 0, "damaged gzip header");
    } catch (Throwable failure) {
      raw.close();
      throw failure;
    }
  }

  /**
   * Refuses a size that the rest of the file cannot hold, before anything of that size is
   * allocated.
   */
  public void requireRemaining(long bytes, String what) throws DataException {
    long most = maximumBytes - position;
    if (bytes > most || (!compressed && bytes != most)) {
      throw refuse(
          "expected "
              + bytes
              + " bytes of "
              + what
              + ", found "
              + (compressed ? "at most " : "")
              + most
              + "; the file is truncated or of another kind");
    }
  }

  /** The next four bytes, big-endian. */
  public int readInt(String what) throws IOException {
    fill(Integer.BYTES, Integer.BYTES, what);
    return ByteBuffer.wrap(buffer).getInt();
  }

  /** Reads exactly the segment's size. */
  public void readFully(MemorySegment destination, String what) throws IOException {
    long total = destination.byteSize();
    for (long done = 0; done < total; ) {
      int length = (int) Math.min(BUFFER_BYTES, total - done);
      fill(length, total - done, what);
      MemorySegment.copy(MemorySegment.ofArray(buffer), 0, destination, done, length);
      done += length;
    }
  }

  /**
   * Reads exactly so many bytes into memory of an arena. Of a gzip file, whose size only its end
   * tells, no more memory is taken than a small multiple of what has been read.
   */
  public MemorySegment readFully(Arena arena, long bytes, String what) throws IOException {
    if (!compressed || bytes <= FIRST_PART_BYTES) {
      MemorySegment memory = arena.allocate(bytes, Long.BYTES);
      readFully(memory, what);
      return memory;
    }
    try (Owned parts = new Owned()) {
      long done = 0;
      for (long size = FIRST_PART_BYTES; done < bytes; size *= 2) {
        MemorySegment part = parts.allocate(Math.min(size, bytes - done));
        readFully(part, what);
        done += part.byteSize();
      }
      return parts.joined(arena, bytes);
    }
  }

  /** Parts of what is read, each in memory of its own, given back together. */
  private static final class Owned implements AutoCloseable {
    private final Arena arena = Arena.ofConfined();
    private final List<MemorySegment> parts = new ArrayList<>();

    MemorySegment allocate(long bytes) {
      parts.add(arena.allocate(bytes, Long.BYTES));
      return parts.getLast();
    }

    MemorySegment joined(Arena target, long bytes) {
      MemorySegment memory = target.allocate(bytes, Long.BYTES);
      long at = 0;
      for (MemorySegment part : parts) {
        MemorySegment.copy(part, 0, memory, at, part.byteSize());
        at += part.byteSize();
      }
      return memory;
    }

    @Override
    public void close() {
      arena.close();
    }
  }

  private void fill(int length, long wanted, String what) throws IOException {
    int got = read(length);
    position += got;
    if (got < length) {
      throw refuse("the file ends, expected " + (wanted - got) + " more bytes of " + what);
    }
  }

  /** Refuses whatever follows; for a gzip file this is also where its checksum is verified. */
  public void requireEnd() throws IOException {
    if (read(1) != 0) {
      throw refuse("expected the end of the file, found more data");
    }
  }

  private int read(int length) throws IOException {
    int got = 0;
    try {
      while (got < length) {
        int n = input.read(buffer, got, length - got);
        if (n < 0) {
          break;
        }
        got += n;
      }
      return got;
    } catch (EOFException truncated) {
      return got;
    } catch (ZipException damaged) {
      position += got;
      throw refuse("damaged gzip data (" + damaged.getMessage() + ")");
    }
  }

  public DataException refuse(String problem) {
    return refuseAt(position, problem);
  }

  public DataException refuseAt(long offset, String problem) {
    return new DataException(path, offset, (compressed ? "(unpacked) " : "") + problem);
  }

  public long position() {
    return position;
  }

  @Override
  public void close() throws IOException {
    input.close();
  }
}
