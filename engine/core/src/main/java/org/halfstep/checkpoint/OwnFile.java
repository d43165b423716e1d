package org.halfstep.checkpoint;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.halfstep.files.DataException;
import org.halfstep.safetensors.ConvertedTensor;
import org.halfstep.safetensors.Dtype;
import org.halfstep.safetensors.SafetensorsFile;
import org.halfstep.safetensors.SafetensorsWriter;
import org.halfstep.safetensors.Tensors;

/** The project's own files of pixel models and classifiers, in other number formats. */
public final class OwnFile {
  private static final String FORMAT = "format";
  private static final String OURS = "halfstep-";

  /** What only an int8 network has is float32 in every file. */
  private static final List<String> ALWAYS_FLOAT32 =
      List.of(".weight_scale", ".input_scale", ".input_zero_point");

  private OwnFile() {}

  /**
   * Whether a path is one of the project's own files.
   *
   * @throws IOException in one line, when it is a damaged file of tensors
   */
  public static boolean matches(Path path) throws IOException {
    if (!Files.isRegularFile(path)) {
      return false;
    }
    try (Tensors file = TensorFiles.open(path)) {
      return file instanceof SafetensorsFile tensors
          && tensors.metadata().getOrDefault(FORMAT, "").startsWith(OURS);
    }
  }

  /** Whether a tensor is one of those that only an int8 network has. */
  static boolean isScale(String name) {
    return ALWAYS_FLOAT32.stream().anyMatch(name::endsWith);
  }

  /**
   * Writes the same model with its weights in another format.
   *
   * @param dtype F32, F16 or BF16; null to keep what each tensor has
   * @throws IOException in one line, when it is no such file, a number does not fit, or the file
   *     cannot be written
   */
  public static void convert(Path from, Path to, Dtype dtype) throws IOException {
    try (SafetensorsFile file = SafetensorsFile.open(from)) {
      if (!file.metadata().getOrDefault(FORMAT, "").startsWith(OURS)) {
        throw new DataException(
            from, "is no file of Halfstep's own; expected a model or classifier");
      }
      List<ConvertedTensor> tensors = new ArrayList<>();
      for (String name : file.names()) {
        tensors.add(ConvertedTensor.of(name, isScale(name) ? Dtype.F32 : dtype, file.tensor(name)));
      }
      NumberRange.require(tensors, from);
      SafetensorsWriter.write(to, tensors, file.metadata());
    }
  }
}
