package org.halfstep.torch;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.math.BigInteger;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.halfstep.files.InputFile;
import org.halfstep.safetensors.Dtype;
import org.halfstep.safetensors.TensorView;
import org.halfstep.safetensors.Tensors;

/**
 * An open file of tensors by name as {@code torch.save(model.state_dict(), file)} writes it: a zip
 * archive since PyTorch 1.6, a row of pickles with the numbers behind them before. Where the
 * tensors lie under "state_dict", as trainers save them, what lies beside it is not looked into.
 * Every size is compared with the file's before memory is taken for it; tensors live until {@link
 * #close}.
 */
public final class TorchFile implements Tensors {
  private static final BigInteger MAGIC = new BigInteger("1950a86a20f9469cfc6c", 16);
  private static final int PROTOCOL = 1001;
  private static final int PICKLE = 0x80;
  private static final int START = 9;
  static final String STATE = "state_dict";
  private static final int DEEPEST = 8;

  private static final ValueLayout.OfLong I64 =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Path path;
  private final Arena arena;
  private final Map<String, TensorView> tensors = new LinkedHashMap<>();
  private final Map<String, String> texts = new LinkedHashMap<>();

  /** Bytes of tensors that were brought into row order, which take memory of their own. */
  private long gathered;

  private final long mostGathered;

  private TorchFile(Path path, Arena arena, long bytes) {
    this.path = path;
    this.arena = arena;
    this.mostGathered = bytes;
  }

  /** Whether a file begins as one of PyTorch's does. */
  public static boolean matches(Path path) throws IOException {
    InputFile.require(path, "a file of tensors", ".pth");
    try (Arena arena = Arena.ofConfined();
        FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      MemorySegment start =
          channel.map(FileChannel.MapMode.READ_ONLY, 0, Math.min(channel.size(), START), arena);
      return !isSafetensors(start) && (isArchive(start) || begins(start, PICKLE));
    }
  }

  /**
   * Their first eight bytes are the length of what begins with the brace: any first byte may be.
   */
  private static boolean isSafetensors(MemorySegment start) {
    return start.byteSize() == START
        && start.get(I64, 0) >>> Integer.SIZE == 0
        && start.get(ValueLayout.JAVA_BYTE, Long.BYTES) == '{';
  }

  private static boolean isArchive(MemorySegment bytes) {
    return begins(bytes, 'P', 'K');
  }

  private static boolean begins(MemorySegment bytes, int... start) {
    for (int i = 0; i < start.length; i++) {
      if (i >= bytes.byteSize() || (bytes.get(ValueLayout.JAVA_BYTE, i) & 0xff) != start[i]) {
        return false;
      }
    }
    return true;
  }

  /**
   * Maps a file and finds its tensors.
   *
   * @throws TorchFileException when it holds anything but tensors by name, or is damaged
   * @throws IOException when it cannot be read
   */
  public static TorchFile open(Path path) throws IOException {
    InputFile.require(path, "a file of tensors", ".pth");
    Arena arena = Arena.ofShared();
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      MemorySegment bytes = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
      TorchFile file = new TorchFile(path, arena, channel.size());
      if (isArchive(bytes)) {
        file.readArchive();
      } else {
        file.readPickles(bytes);
      }
      return file;
    } catch (Throwable failure) {
      arena.close();
      throw failure;
    }
  }

  private void readArchive() throws IOException {
    try (StoredArchive archive = new StoredArchive(path, arena)) {
      archive.requireLittleEndian();
      TensorUnpickler unpickler =
          new TensorUnpickler(path, new SegmentStream(archive.file("data.pkl")));
      Object content = unpickler.load();
      Map<?, ?> named = named(content);
      Map<String, MemorySegment> data = new LinkedHashMap<>();
      Set<String> used = storagesOf(named);
      for (TensorUnpickler.Storage storage : unpickler.storages().values()) {
        if (used.contains(storage.key())) {
          MemorySegment numbers = archive.file("data/" + storage.key());
          requireSize(storage, numbers.byteSize());
          data.put(storage.key(), numbers);
        }
      }
      name(named, data);
    }
  }

  private void readPickles(MemorySegment bytes) throws IOException {
    SegmentStream stream = new SegmentStream(bytes);
    TensorUnpickler unpickler = new TensorUnpickler(path, stream);
    Object magic = unpickler.load();
    if (!(magic instanceof BigInteger) || !magic.equals(MAGIC)) {
      throw new TorchFileException(
          path,
          "is a pickle, but not a file of torch.save: it begins with "
              + TensorUnpickler.describe(magic));
    }
    Object version = unpickler.load();
    if (!Integer.valueOf(PROTOCOL).equals(version)) {
      throw new TorchFileException(
          path, "is of version " + TensorUnpickler.describe(version) + "; expected " + PROTOCOL);
    }
    Object system = unpickler.load();
    if (!(system instanceof Map<?, ?> facts) || !Boolean.TRUE.equals(facts.get("little_endian"))) {
      throw new TorchFileException(path, "was not written on a little-endian machine");
    }
    Object content = unpickler.load();
    Object keys = unpickler.load();
    if (!(keys instanceof List<?> list)) {
      throw new TorchFileException(path, "has no list of its storages");
    }
    Map<String, MemorySegment> data = new LinkedHashMap<>();
    long at = stream.position();
    for (Object key : list) {
      if (!(key instanceof String name)) {
        throw new TorchFileException(
            path, "names a storage by " + TensorUnpickler.describe(key) + ", expected text");
      }
      TensorUnpickler.Storage storage = unpickler.storages().get(name);
      if (storage == null || bytes.byteSize() - at < Long.BYTES) {
        throw new TorchFileException(
            path, "storage " + name + " is " + (storage == null ? "used by no tensor" : "missing"));
      }
      long elements = bytes.get(I64, at);
      at += Long.BYTES;
      long size = elements == storage.elements() ? bytesOf(storage) : -1;
      if (size < 0 || size > bytes.byteSize() - at) {
        throw new TorchFileException(
            path,
            "storage "
                + name
                + " has "
                + elements
                + " numbers and "
                + (bytes.byteSize() - at)
                + " bytes up to the file's end; expected "
                + storage.elements()
                + " numbers");
      }
      data.put(storage.key(), bytes.asSlice(at, size));
      at += size;
    }
    if (at != bytes.byteSize()) {
      throw new TorchFileException(
          path, (bytes.byteSize() - at) + " bytes follow the last storage");
    }
    name(named(content), data);
  }

  private void requireSize(TensorUnpickler.Storage storage, long bytes) throws TorchFileException {
    if (bytesOf(storage) != bytes) {
      throw new TorchFileException(
          path,
          "storage "
              + storage.key()
              + " has "
              + bytes
              + " bytes; expected "
              + storage.elements()
              + " numbers of "
              + storage.type());
    }
  }

  /** Bytes of a storage; -1 for more than there can be. */
  private static long bytesOf(TensorUnpickler.Storage storage) {
    return storage.elements() > Long.MAX_VALUE / storage.type().bytes()
        ? -1
        : storage.elements() * storage.type().bytes();
  }

  /** The tensors by name, wherever a trainer put them; texts beside them are kept. */
  private Map<?, ?> named(Object content) throws TorchFileException {
    if (content instanceof TensorUnpickler.Opaque opaque) {
      throw new TorchFileException(
          path,
          "holds an object of "
              + opaque.name()
              + ", which is not looked into; expected tensors by name, as state_dict() gives");
    }
    if (!(content instanceof Map<?, ?> named)) {
      throw new TorchFileException(
          path, "does not hold tensors by name; expected what state_dict() gives");
    }
    // As deep as dictionaries lie in each other; one that contains itself has no end.
    for (int depth = 0; depth < DEEPEST; depth++) {
      if (!(named.get(STATE) instanceof Map<?, ?> inside)) {
        break;
      }
      for (Map.Entry<?, ?> entry : named.entrySet()) {
        if (entry.getKey() instanceof String key && entry.getValue() instanceof String text) {
          texts.put(key, text);
        }
      }
      named = inside;
    }
    return named;
  }

  /** What a trainer kept beside the tensors is not read. */
  private Set<String> storagesOf(Map<?, ?> named) {
    Set<String> used = new HashSet<>();
    for (Map.Entry<?, ?> entry : named.entrySet()) {
      if (entry.getKey() instanceof String
          && entry.getValue() instanceof TensorUnpickler.Tensor tensor) {
        used.add(tensor.storage().key());
      }
    }
    return used;
  }

  private void name(Map<?, ?> named, Map<String, MemorySegment> data) throws TorchFileException {
    for (Map.Entry<?, ?> entry : named.entrySet()) {
      if (!(entry.getKey() instanceof String name)) {
        // What trainers keep under a class or a number; a tensor has a name.
        continue;
      }
      if (!(entry.getValue() instanceof TensorUnpickler.Tensor tensor)) {
        throw new TorchFileException(
            path,
            "holds "
                + TensorUnpickler.describe(entry.getValue())
                + " under \""
                + name
                + "\", expected a tensor, as state_dict() gives");
      }
      tensors.put(name, view(name, tensor, data.get(tensor.storage().key())));
    }
    if (tensors.isEmpty()) {
      throw new TorchFileException(path, "holds no tensors; expected what state_dict() gives");
    }
  }

  private TensorView view(String name, TensorUnpickler.Tensor tensor, MemorySegment storage)
      throws TorchFileException {
    if (storage == null) {
      throw new TorchFileException(path, "tensor " + name + " has no numbers in the file");
    }
    Dtype type = tensor.storage().type();
    StridedTensor lies = StridedTensor.of(tensor).orElse(null);
    if (lies == null) {
      throw new TorchFileException(
          path,
          "tensor "
              + name
              + " of shape "
              + Arrays.toString(tensor.shape())
              + " and strides "
              + Arrays.toString(tensor.strides())
              + " does not lie whole, each number once, in its storage of "
              + tensor.storage().elements()
              + " numbers; save it with .contiguous()");
    }
    if (lies.isRowMajor()) {
      return new TensorView(name, type, tensor.shape(), lies.slice(storage));
    }
    gathered += lies.bytes();
    if (gathered > mostGathered) {
      throw new TorchFileException(
          path, "holds the same numbers in several orders; save tensors with .contiguous()");
    }
    return new TensorView(name, type, tensor.shape(), lies.gather(storage, arena));
  }

  /** Texts beside the "state_dict", by name; empty where the tensors lie without one. */
  public Map<String, String> texts() {
    return Collections.unmodifiableMap(texts);
  }

  @Override
  public String origin() {
    return path.toString();
  }

  /** All tensor names, in no particular order. */
  @Override
  public Set<String> names() {
    return Collections.unmodifiableSet(tensors.keySet());
  }

  @Override
  public Optional<TensorView> find(String name) {
    return Optional.ofNullable(tensors.get(name));
  }

  @Override
  public void unload() {
    for (TensorView tensor : tensors.values()) {
      if (tensor.data().isMapped()) {
        tensor.data().unload();
      }
    }
  }

  /** Unmaps the file; every tensor of it becomes unusable. */
  @Override
  public void close() {
    arena.close();
  }
}
