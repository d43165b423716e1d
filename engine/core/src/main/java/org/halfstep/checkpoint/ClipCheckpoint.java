package org.halfstep.checkpoint;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.halfstep.files.DataException;
import org.halfstep.safetensors.TensorView;
import org.halfstep.safetensors.Tensors;
import org.halfstep.text.ClipTokenizer;

/**
 * A whole CLIP, which compares pictures with texts, in a folder of transformers: CLIPModel's
 * config.json, its weights (model.safetensors or pytorch_model.bin), the files of its tokenizer,
 * and, where there is one, the preprocessor_config.json of its pictures.
 */
public final class ClipCheckpoint implements AutoCloseable {
  private static final String MODEL = "clip";
  private static final String TEXT = "text_model.";
  private static final String IMAGE = "vision_model.";
  private static final String TEXT_PROJECTION = "text_projection.weight";
  private static final String IMAGE_PROJECTION = "visual_projection.weight";
  private static final int WIDEST = 1 << 14;

  private final Path weights;
  private final Tensors file;
  private final TextDescription text;
  private final ClipImageDescription image;
  private final int embedding;
  private final ClipPictures pictures;
  private final ClipTokenizer tokenizer;

  private ClipCheckpoint(Path folder, Path weights, Tensors file) throws IOException {
    this.weights = weights;
    this.file = file;
    ObjectNode config = ConfigFiles.read(folder);
    String origin = folder.resolve(ConfigFiles.CONFIG).toString();
    String kind = config.path("model_type").asText();
    if (!kind.equals(MODEL)) {
      throw new DataException(
          origin,
          "model_type: is \""
              + kind
              + "\"; expected the folder of a whole CLIP: \""
              + MODEL
              + "\"");
    }
    text = TextDescription.of(keys(config, origin, "text_config"));
    image = ClipImageDescription.of(keys(config, origin, "vision_config"));
    embedding = new ConfigKeys(config, origin, _ -> {}).whole("projection_dim", 512, 1, WIDEST);
    pictures = ClipPictures.read(folder, image.side());
    ClipTokenizer read = ClipTokenizer.open(folder);
    if (read.size() > text.vocabulary()) {
      throw new DataException(
          folder,
          "its tokenizer has "
              + read.size()
              + " entries, but its text encoder a table of "
              + text.vocabulary()
              + ": they belong to different models");
    }
    tokenizer = text.padded(read);
    NetworkTensors.requireNoOthers(
        file.origin(),
        file.names(),
        shapes(text, image, embedding).keySet(),
        name -> name.equals("logit_scale") || name.endsWith("position_ids"));
  }

  private static ConfigKeys keys(ObjectNode config, String origin, String part)
      throws DataException {
    if (!(config.path(part) instanceof ObjectNode found)) {
      throw new DataException(origin, part + ": is missing; expected an object");
    }
    // They have keys of all that transformers can do with a network.
    return new ConfigKeys(found, origin + ": " + part, _ -> {});
  }

  /** Every parameter of such a model with its extents. */
  static Map<String, long[]> shapes(
      TextDescription text, ClipImageDescription image, int embedding) {
    Map<String, long[]> shapes = new LinkedHashMap<>(text.shapes());
    shapes.putAll(image.shapes());
    shapes.put(TEXT_PROJECTION, new long[] {embedding, text.width()});
    shapes.put(IMAGE_PROJECTION, new long[] {embedding, image.width()});
    return shapes;
  }

  /**
   * Opens a folder.
   *
   * @throws IOException in one line that names the file and the key or tensor
   */
  public static ClipCheckpoint open(Path folder) throws IOException {
    Path weights = WeightFiles.choose(folder, Part.TEXT_ENCODER, null, _ -> {});
    Tensors file = TensorFiles.open(weights);
    try {
      return new ClipCheckpoint(folder, weights, file);
    } catch (Throwable failure) {
      file.close();
      throw failure;
    }
  }

  /** The file of its weights, or the index of several. */
  public Path weights() {
    return weights;
  }

  /** The text encoder. */
  public TextDescription text() {
    return text;
  }

  /** The image encoder. */
  public ClipImageDescription image() {
    return image;
  }

  /** How pictures become what the image encoder reads. */
  public ClipPictures pictures() {
    return pictures;
  }

  /** Numbers of an embedding, of either. */
  public int embedding() {
    return embedding;
  }

  public ClipTokenizer tokenizer() {
    return tokenizer;
  }

  /** The text encoder's parameters with its projection; there until this is closed. */
  public Tensors textTensors() {
    return new Selection(TEXT, TEXT_PROJECTION);
  }

  /** The image encoder's parameters with its projection; there until this is closed. */
  public Tensors imageTensors() {
    return new Selection(IMAGE, IMAGE_PROJECTION);
  }

  /** Some of the file's tensors; closing them does nothing. */
  private final class Selection implements Tensors {
    private final Set<String> names = new LinkedHashSet<>();

    Selection(String prefix, String other) {
      for (String name : file.names()) {
        if (name.equals(other) || name.startsWith(prefix) && !name.endsWith("position_ids")) {
          names.add(name);
        }
      }
    }

    @Override
    public String origin() {
      return file.origin();
    }

    @Override
    public Set<String> names() {
      return names;
    }

    @Override
    public Optional<TensorView> find(String name) {
      return names.contains(name) ? file.find(name) : Optional.empty();
    }

    @Override
    public void unload() {
      file.unload();
    }

    @Override
    public void close() {}
  }

  @Override
  public void close() {
    file.close();
  }
}
