package org.halfstep.torch;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.halfstep.files.AtomicFile;
import org.halfstep.safetensors.WritableTensor;

/**
 * Writes the files that {@code torch.load} reads: a zip archive with the pickle of a dictionary,
 * whose "state_dict" holds the tensors by name, and with the numbers behind it. The pickle names
 * the constructors of tensors and of dictionaries, and nothing else.
 */
public final class TorchWriter {
  private static final String FOLDER = "archive/";
  private static final LocalDateTime TIME = LocalDateTime.of(1980, 1, 1, 0, 0);
  private static final int CHUNK = 1 << 16;

  private TorchWriter() {}

  /**
   * Creates or replaces a file, atomically: after a failure the old file is as it was.
   *
   * @param tensors names distinct; F32, F16, BF16 or integers
   * @param texts entries beside the "state_dict"
   * @throws IOException when the file cannot be written
   */
  public static void write(
      Path path, List<? extends WritableTensor> tensors, Map<String, String> texts)
      throws IOException {
    byte[] pickle = pickle(tensors, texts);
    AtomicFile.write(
        path,
        channel -> {
          // Closing the archive would close the channel, which is still to be forced to disk.
          ZipOutputStream zip = new ZipOutputStream(Channels.newOutputStream(channel));
          entry(zip, "data.pkl", pickle);
          entry(zip, "byteorder", "little".getBytes(StandardCharsets.US_ASCII));
          for (int i = 0; i < tensors.size(); i++) {
            numbers(zip, "data/" + i, tensors.get(i));
          }
          entry(zip, "version", "3\n".getBytes(StandardCharsets.US_ASCII));
          zip.finish();
        });
  }

  private static void begin(ZipOutputStream zip, String name, long size, long checksum)
      throws IOException {
    ZipEntry entry = new ZipEntry(FOLDER + name);
    entry.setMethod(ZipEntry.STORED);
    entry.setSize(size);
    entry.setCompressedSize(size);
    entry.setCrc(checksum);
    entry.setTimeLocal(TIME);
    zip.putNextEntry(entry);
  }

  private static void entry(ZipOutputStream zip, String name, byte[] bytes) throws IOException {
    CRC32 checksum = new CRC32();
    checksum.update(bytes);
    begin(zip, name, bytes.length, checksum.getValue());
    zip.write(bytes);
    zip.closeEntry();
  }

  private static void numbers(ZipOutputStream zip, String name, WritableTensor tensor)
      throws IOException {
    // The checksum stands before the numbers, which are converted twice.
    CRC32 checksum = new CRC32();
    each(tensor, checksum::update);
    begin(zip, name, tensor.bytes(), checksum.getValue());
    each(tensor, zip::write);
    zip.closeEntry();
  }

  private interface Taker {
    void take(byte[] bytes, int offset, int length) throws IOException;
  }

  private static void each(WritableTensor tensor, Taker taker) throws IOException {
    byte[] chunk = new byte[CHUNK];
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment staging = arena.allocate(CHUNK, Long.BYTES);
      for (long offset = 0; offset < tensor.bytes(); offset += CHUNK) {
        int length = (int) Math.min(CHUNK, tensor.bytes() - offset);
        tensor.copy(offset, staging.asSlice(0, length));
        MemorySegment.copy(staging, ValueLayout.JAVA_BYTE, 0, chunk, 0, length);
        taker.take(chunk, 0, length);
      }
    }
  }

  private static byte[] pickle(List<? extends WritableTensor> tensors, Map<String, String> texts) {
    Pickle pickle = new Pickle();
    pickle.codes(0x80, 2, '}', '(');
    for (Map.Entry<String, String> text : new TreeMap<>(texts).entrySet()) {
      pickle.text(text.getKey());
      pickle.text(text.getValue());
    }
    pickle.text(TorchFile.STATE);
    pickle.codes('}', '(');
    for (int i = 0; i < tensors.size(); i++) {
      pickle.text(tensors.get(i).name());
      pickle.tensor(tensors.get(i), Integer.toString(i));
    }
    pickle.codes('u', 'u', '.');
    return pickle.out.toByteArray();
  }

  /** Instructions of protocol 2. */
  private static final class Pickle {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    void codes(int... codes) {
      for (int code : codes) {
        out.write(code);
      }
    }

    private void littleEndian(long value, int bytes) {
      for (int i = 0; i < bytes; i++) {
        out.write((int) (value >>> (Byte.SIZE * i)));
      }
    }

    void text(String text) {
      byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
      out.write('X');
      littleEndian(bytes.length, Integer.BYTES);
      out.writeBytes(bytes);
    }

    private void number(long value) {
      if (value <= Integer.MAX_VALUE) {
        out.write('J');
        littleEndian(value, Integer.BYTES);
      } else {
        codes(0x8a, Long.BYTES);
        littleEndian(value, Long.BYTES);
      }
    }

    private void global(String module, String name) {
      out.writeBytes(("c" + module + "\n" + name + "\n").getBytes(StandardCharsets.US_ASCII));
    }

    /** Storage, offset, shape, strides, whether it is trained, hooks. */
    void tensor(WritableTensor tensor, String key) {
      long[] shape = tensor.shape();
      long[] strides = new long[shape.length];
      long elements = 1;
      for (int axis = shape.length - 1; axis >= 0; axis--) {
        strides[axis] = elements;
        elements *= shape[axis];
      }
      global("torch._utils", "_rebuild_tensor_v2");
      codes('(', '(');
      text("storage");
      global("torch", TensorUnpickler.storage(tensor.dtype()));
      text(key);
      text("cpu");
      number(elements);
      codes('t', 'Q');
      number(0);
      tuple(shape);
      tuple(strides);
      codes(0x89);
      global("collections", "OrderedDict");
      codes(')', 'R', 't', 'R');
    }

    private void tuple(long[] values) {
      codes('(');
      for (long value : values) {
        number(value);
      }
      codes('t');
    }
  }
}
