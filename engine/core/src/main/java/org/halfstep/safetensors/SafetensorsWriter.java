package org.halfstep.safetensors;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.halfstep.files.AtomicFile;

/**
 * Writes safetensors files. The same tensors and metadata always give the same bytes: tensors lie
 * in descending element size, then by name (so that every one is aligned), metadata is sorted by
 * key, and the header is padded with spaces to a multiple of 8.
 */
public final class SafetensorsWriter {
  private static final int HEADER_ALIGNMENT = 8;
  private static final int STAGING_BYTES = 1 << 20;
  private static final JsonFactory JSON = new JsonFactory();

  private SafetensorsWriter() {}

  /**
   * Creates or replaces a file, atomically: after a failure the old file is as it was.
   *
   * @param path the file
   * @param tensors in any order, names distinct
   * @param metadata the {@code __metadata__} entries; left out when empty
   * @throws IOException when the file cannot be written
   * @throws IllegalArgumentException when two tensors have one name or the header is over 100 MB
   */
  public static void write(
      Path path, List<? extends WritableTensor> tensors, Map<String, String> metadata)
      throws IOException {
    List<WritableTensor> ordered = new ArrayList<>(tensors);
    ordered.sort(
        Comparator.<WritableTensor>comparingInt(tensor -> -tensor.dtype().bytes())
            .thenComparing(WritableTensor::name));
    requireDistinctNames(ordered);
    ByteBuffer header = header(ordered, metadata);
    AtomicFile.write(
        path,
        channel -> {
          writeFully(channel, header);
          try (Arena arena = Arena.ofConfined()) {
            MemorySegment staging = arena.allocate(STAGING_BYTES, HEADER_ALIGNMENT);
            for (WritableTensor tensor : ordered) {
              writeData(channel, tensor, staging);
            }
          }
        });
  }

  private static void requireDistinctNames(List<WritableTensor> tensors) {
    Set<String> names = new HashSet<>();
    for (WritableTensor tensor : tensors) {
      if (!names.add(tensor.name())) {
        throw new IllegalArgumentException("two tensors are named " + tensor.name());
      }
    }
  }

  private static ByteBuffer header(List<WritableTensor> ordered, Map<String, String> metadata)
      throws IOException {
    ByteArrayOutputStream json = new ByteArrayOutputStream();
    try (JsonGenerator generator = JSON.createGenerator(json)) {
      generator.writeStartObject();
      if (!metadata.isEmpty()) {
        generator.writeObjectFieldStart(SafetensorsHeader.METADATA);
        for (Map.Entry<String, String> entry : new TreeMap<>(metadata).entrySet()) {
          generator.writeStringField(entry.getKey(), entry.getValue());
        }
        generator.writeEndObject();
      }
      long offset = 0;
      for (WritableTensor tensor : ordered) {
        generator.writeObjectFieldStart(tensor.name());
        generator.writeStringField("dtype", tensor.dtype().name());
        long[] shape = tensor.shape();
        generator.writeFieldName("shape");
        generator.writeArray(shape, 0, shape.length);
        long end = Math.addExact(offset, tensor.bytes());
        generator.writeFieldName("data_offsets");
        generator.writeArray(new long[] {offset, end}, 0, 2);
        generator.writeEndObject();
        offset = end;
      }
      generator.writeEndObject();
    }
    while (json.size() % HEADER_ALIGNMENT != 0) {
      json.write(' ');
    }
    if (json.size() > SafetensorsHeader.MAXIMUM_BYTES) {
      throw new IllegalArgumentException(
          "the header would be "
              + json.size()
              + " bytes, over the format's limit of "
              + SafetensorsHeader.MAXIMUM_BYTES);
    }
    return ByteBuffer.allocate(Long.BYTES + json.size())
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(json.size())
        .put(json.toByteArray())
        .flip();
  }

  private static void writeData(FileChannel channel, WritableTensor tensor, MemorySegment staging)
      throws IOException {
    // Staged, because a channel cannot take a heap segment of floats, nor more than 2 GB at once.
    for (long offset = 0; offset < tensor.bytes(); offset += STAGING_BYTES) {
      MemorySegment part = staging.asSlice(0, Math.min(STAGING_BYTES, tensor.bytes() - offset));
      tensor.copy(offset, part);
      writeFully(channel, part.asByteBuffer());
    }
  }

  private static void writeFully(FileChannel channel, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }
}
