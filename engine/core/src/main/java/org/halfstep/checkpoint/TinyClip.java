package org.halfstep.checkpoint;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.halfstep.files.AtomicFolder;
import org.halfstep.files.Json;
import org.halfstep.safetensors.NamedTensor;
import org.halfstep.safetensors.SafetensorsWriter;
import org.halfstep.safetensors.TensorView;
import org.halfstep.text.ClipTokenizer;

/**
 * A CLIP of a megabyte with {@linkplain HashedTensors hashed weights} and the tokenizer of {@link
 * TinyPipeline}: what it says of pictures means nothing.
 */
public final class TinyClip {
  private static final int WIDTH = 64;
  private static final int EMBEDDING = 32;

  private TinyClip() {}

  /**
   * Writes it as transformers keeps it.
   *
   * @param folder does not exist yet, or is empty
   * @return the folder
   */
  public static Path write(Path folder) throws IOException {
    AtomicFolder.write(folder, ConfigFiles.CONFIG, TinyClip::writeAll);
    return folder;
  }

  private static void writeAll(Path folder) throws IOException {
    ClipTokenizer words = TinyPipeline.tokenizer();
    TextDescription text =
        new TextDescription(words.size(), ClipTokenizer.LENGTH, WIDTH, 4 * WIDTH, 2, 4, true);
    ClipImageDescription image = new ClipImageDescription(32, 8, WIDTH, 4 * WIDTH, 2, 4, true);
    ObjectNode config = JsonNodeFactory.instance.objectNode();
    config.putArray("architectures").add("CLIPModel");
    config.put("model_type", "clip");
    config.put("projection_dim", EMBEDDING);
    config.set("text_config", text.toJson());
    config.set("vision_config", image.toJson());
    words.write(folder);
    try (HashedTensors tensors = new HashedTensors(ClipCheckpoint.shapes(text, image, EMBEDDING))) {
      List<NamedTensor> all = new ArrayList<>();
      for (String name : tensors.names()) {
        TensorView tensor = tensors.find(name).orElseThrow();
        all.add(NamedTensor.f32(name, tensor.shape(), tensor.data()));
      }
      SafetensorsWriter.write(folder.resolve("model.safetensors"), all, Map.of("format", "pt"));
    }
    Json.write(folder.resolve(ConfigFiles.CONFIG), config);
  }
}
