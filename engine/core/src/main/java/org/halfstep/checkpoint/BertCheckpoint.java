package org.halfstep.checkpoint;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.halfstep.files.DataException;
import org.halfstep.model.TensorPlace;
import org.halfstep.onnx.OnnxFile;
import org.halfstep.safetensors.Dtype;
import org.halfstep.safetensors.TensorView;
import org.halfstep.safetensors.Tensors;
import org.halfstep.text.WordPieceTokenizer;

/**
 * An open text encoder of BERT's kind with its tokenizer: a folder of transformers (config.json and
 * model.safetensors, or the file of PyTorch), or one with all-MiniLM-L6-v2 as it is published in
 * ONNX (model.onnx), and a tokenizer.json or vocab.txt in either.
 */
public final class BertCheckpoint implements AutoCloseable {
  private static final String EXPORTED = "model.onnx";
  private static final String PLACES = "embeddings.position_embeddings.weight";

  private final Path path;
  private final BertDescription network;
  private final Tensors file;
  private final WordPieceTokenizer tokenizer;

  /** Matrices that the file has the other way round. */
  private final Arena arena = Arena.ofShared();

  private BertCheckpoint(
      Path path, BertDescription network, Tensors file, WordPieceTokenizer tokenizer) {
    this.path = path;
    this.network = network;
    this.file = file;
    this.tokenizer = tokenizer;
  }

  /**
   * Opens a folder.
   *
   * @throws IOException in one line that names the file and what is wrong with it
   */
  public static BertCheckpoint open(Path folder) throws IOException {
    boolean isExported = Files.isRegularFile(folder.resolve(EXPORTED));
    if (!isExported && !Files.isRegularFile(folder.resolve(ConfigFiles.CONFIG))) {
      throw new DataException(
          folder,
          "has no "
              + ConfigFiles.CONFIG
              + " and no "
              + EXPORTED
              + ": expected the folder of a text encoder of BERT's kind, such as make data-minilm"
              + " brings");
    }
    BertDescription network =
        isExported
            ? BertDescription.MINI_LM
            : BertDescription.of(
                new ConfigKeys(
                    ConfigFiles.read(folder),
                    folder.resolve(ConfigFiles.CONFIG).toString(),
                    _ -> {}));
    WordPieceTokenizer tokenizer = network.openTokenizer(folder);
    if (tokenizer.size() > network.vocabulary()) {
      throw new DataException(
          folder,
          "has a tokenizer of "
              + tokenizer.size()
              + " entries, but a table of "
              + network.vocabulary()
              + ": they belong to different models");
    }
    Tensors file =
        isExported
            ? OnnxFile.open(folder.resolve(EXPORTED))
            : TensorFiles.open(WeightFiles.choose(folder, Part.TEXT_ENCODER, null, _ -> {}));
    return new BertCheckpoint(folder, network, file, tokenizer);
  }

  /** The folder. */
  public Path path() {
    return path;
  }

  /** Its tokenizer. */
  public WordPieceTokenizer tokenizer() {
    return tokenizer;
  }

  /**
   * The encoder as a part of a model whose texts have so many tokens: the table of places is cut to
   * these. Its tensors are there until this is closed.
   *
   * @throws IOException in one line, when one is missing, or of another shape
   */
  public Component component(int tokens) throws IOException {
    BertDescription cut = network.withPositions(tokens);
    Map<String, TensorView> tensors = new LinkedHashMap<>();
    for (Map.Entry<String, long[]> parameter : cut.shapes().entrySet()) {
      tensors.put(parameter.getKey(), view(parameter.getKey(), parameter.getValue()));
    }
    return new Component(cut, cut.toJson(), new Found(file.origin(), tensors));
  }

  private TensorView view(String name, long... shape) throws DataException {
    for (TensorPlace place : network.diffusers().places(name)) {
      TensorPlace.Stored stored = (TensorPlace.Stored) place;
      Optional<TensorView> found = file.find(stored.tensor());
      if (found.isPresent()) {
        return stored.transposed()
            ? transposed(name, shape, found.get())
            : rows(name, shape, found.get());
      }
    }
    throw new DataException(file.origin(), "tensor " + name + " is missing");
  }

  private void require(TensorView tensor, long... expected) throws DataException {
    if (!Arrays.equals(tensor.shape(), expected) || !tensor.dtype().isFloating()) {
      throw new DataException(
          file.origin(), tensor + ": expected numbers of " + Arrays.toString(expected));
    }
  }

  private TensorView rows(String name, long[] shape, TensorView it) throws DataException {
    long[] whole = shape.clone();
    if (name.equals(PLACES)) {
      whole[0] = network.positions();
    }
    require(it, whole);
    long bytes = it.data().byteSize() / whole[0] * shape[0];
    return new TensorView(name, it.dtype(), shape, it.data().asSlice(0, bytes));
  }

  private TensorView transposed(String name, long[] shape, TensorView it) throws DataException {
    require(it, shape[1], shape[0]);
    int out = Math.toIntExact(shape[0]);
    int in = Math.toIntExact(shape[1]);
    float[] values = it.floats();
    MemorySegment turned = arena.allocate(Float.BYTES * (long) values.length, Float.BYTES);
    for (int o = 0; o < out; o++) {
      for (int i = 0; i < in; i++) {
        turned.setAtIndex(ValueLayout.JAVA_FLOAT, (long) o * in + i, values[i * out + o]);
      }
    }
    return new TensorView(name, Dtype.F32, shape, turned.asReadOnly());
  }

  /** The encoder's tensors by its own names. */
  private record Found(String origin, Map<String, TensorView> tensors) implements Tensors {
    @Override
    public Set<String> names() {
      return tensors.keySet();
    }

    @Override
    public Optional<TensorView> find(String name) {
      return Optional.ofNullable(tensors.get(name));
    }

    /** Nothing: the file is its {@link BertCheckpoint}'s. */
    @Override
    public void close() {}
  }

  @Override
  public void close() {
    file.close();
    arena.close();
  }
}
