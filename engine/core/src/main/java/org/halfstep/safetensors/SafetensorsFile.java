package org.halfstep.safetensors;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Collections;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.SequencedSet;
import org.halfstep.files.InputFile;

/**
 * An open safetensors file, mapped into memory and read-only. The header is checked whole before
 * any tensor can be asked for; what it promises about sizes and offsets holds for every {@link
 * TensorView}. Tensors live until {@link #close}. Any thread may read.
 *
 * <p>The format's rules are checked in full: a JSON header of at most 100 MB, tensors that cover
 * the data section without gap or overlap, sizes that agree with types and shapes. A tensor need
 * not be aligned to its element size. The file must not be cut short while it is open; replacing it
 * by renaming, as {@link SafetensorsWriter} does, is safe.
 */
public final class SafetensorsFile implements Tensors {
  private final Path path;
  private final Arena arena;
  private final MemorySegment file;
  private final SafetensorsHeader header;

  private SafetensorsFile(Path path, Arena arena, MemorySegment file, SafetensorsHeader header) {
    this.path = path;
    this.arena = arena;
    this.file = file;
    this.header = header;
  }

  /**
   * Maps a file and checks its header.
   *
   * @throws SafetensorsException when the file is not well-formed; one line with file, byte offset
   *     and expectation
   * @throws IOException when it cannot be read
   */
  public static SafetensorsFile open(Path path) throws IOException {
    InputFile.require(path, "a file of tensors", ".safetensors");
    Arena arena = Arena.ofShared();
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      MemorySegment file = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
      return new SafetensorsFile(path, arena, file, SafetensorsHeader.parse(path, file));
    } catch (Throwable failure) {
      arena.close();
      throw failure;
    }
  }

  /** The file that is open. */
  public Path path() {
    return path;
  }

  @Override
  public String origin() {
    return path.toString();
  }

  /** The {@code __metadata__} entries, in the file's order; empty when there are none. */
  public Map<String, String> metadata() {
    return header.metadata();
  }

  /** All tensor names, in the order of their data. */
  @Override
  public SequencedSet<String> names() {
    return Collections.unmodifiableSequencedSet(header.tensors().sequencedKeySet());
  }

  /** Whether there is a tensor of this name. */
  public boolean has(String name) {
    return header.tensors().containsKey(name);
  }

  /**
   * A tensor by name.
   *
   * @throws NoSuchElementException when there is none of this name
   */
  public TensorView tensor(String name) {
    return find(name)
        .orElseThrow(() -> new NoSuchElementException(path + ": has no tensor named " + name));
  }

  @Override
  public Optional<TensorView> find(String name) {
    return Optional.ofNullable(header.tensors().get(name))
        .map(
            entry ->
                new TensorView(
                    name,
                    entry.dtype(),
                    entry.shape(),
                    file.asSlice(entry.fileOffset(), entry.bytes())));
  }

  @Override
  public void unload() {
    file.unload();
  }

  /** Unmaps the file; every view of it becomes unusable. */
  @Override
  public void close() {
    arena.close();
  }
}
