package org.halfstep.checkpoint;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.halfstep.device.Device;
import org.halfstep.files.DataException;
import org.halfstep.files.Json;
import org.halfstep.graph.Parameter;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.TensorNames;
import org.halfstep.model.TensorPlace;
import org.halfstep.model.UNetConfig;
import org.halfstep.safetensors.SafetensorsFile;
import org.halfstep.safetensors.TensorView;
import org.halfstep.safetensors.Tensors;

/**
 * A pixel network in a file of guided-diffusion, or of the consistency models' release: tensors by
 * name and nothing else, whether they are the weights or a moving average of them ({@code
 * ema_0.9999_NNNNNN.pt}), in float32 or float16. The outputs for the variance are left out. Their
 * networks were never without a class, so they cannot be guided before they are trained on.
 */
public final class AdmFile {
  private static final String LAYOUT = "guided-diffusion";
  private static final String FIRST = "input_blocks.0.0.weight";
  private static final String LAST = "out.2.weight";
  private static final String LAST_BIAS = "out.2.bias";
  private static final int IMAGE_CHANNELS = 3;

  private AdmFile() {}

  /** Whether a path is such a file: damaged ones, and files of Halfstep's own, are not. */
  public static boolean matches(Path path) {
    if (!Files.isRegularFile(path)) {
      return false;
    }
    try (Tensors file = TensorFiles.open(path)) {
      boolean own =
          file instanceof SafetensorsFile tensors
              && tensors.metadata().containsKey("format")
              && tensors.metadata().get("format").startsWith("halfstep-");
      return !own && file.find(FIRST).isPresent() && file.find(LAST).isPresent();
    } catch (IOException damaged) {
      return false;
    }
  }

  /**
   * Opens a file for inference; it stays mapped.
   *
   * @param flags JSON file of the options that its network was trained with; null for one of the
   *     published networks
   * @param memory bytes that packed weights may take, or {@link Network#DEFAULT_MEMORY}
   * @throws IOException in one line, when it is damaged, or of a network that is not known
   */
  public static Network<UNetConfig, ModelCard> open(
      Device device, Path path, Path flags, long memory) throws IOException {
    Tensors file = TensorFiles.open(path);
    AdmFlags known;
    UNetConfig config;
    ModelCard card;
    try {
      requireNoConsistencyModel(path);
      int classes = classes(file);
      known = flags == null ? published(file, classes) : read(flags);
      config = network(known, classes, flags);
      card = known.card(provenance(path, flags));
    } catch (IOException | RuntimeException failure) {
      file.close();
      throw failure;
    }
    return Network.open(device, config, card, file, names(known), memory);
  }

  private static UNetConfig network(AdmFlags flags, int classes, Path file) throws IOException {
    try {
      return flags.network(classes);
    } catch (IllegalArgumentException impossible) {
      throw new DataException(
          file == null ? Path.of(LAYOUT) : file, impossible.getMessage(), impossible);
    }
  }

  private static AdmFlags read(Path flags) throws IOException {
    return Json.read(AdmFlags.class, flags);
  }

  private static Map<String, String> provenance(Path path, Path flags) {
    Map<String, String> facts = new LinkedHashMap<>();
    facts.put("file", path.getFileName().toString());
    if (flags != null) {
      facts.put("flags", flags.getFileName().toString());
    }
    return facts;
  }

  /** They have EDM's tensors, and another preconditioning. */
  private static void requireNoConsistencyModel(Path path) throws IOException {
    String name = path.getFileName().toString().toLowerCase(Locale.ROOT);
    if (name.startsWith("cd_") || name.startsWith("ct_")) {
      throw new DataException(
          path,
          "is a consistency model by its name; of that release EDM's networks are read"
              + " (edm_imagenet64_ema.pt)");
    }
  }

  private static int classes(Tensors file) throws IOException {
    TensorView table = file.find(UNetConfig.LABEL_TABLE).orElse(null);
    if (table == null) {
      return 0;
    }
    if (table.shape().length != 2 || table.shape()[0] > Integer.MAX_VALUE) {
      throw new DataException(
          file.origin(), table + ": expected a row for each class and a column for each number");
    }
    return (int) table.shape()[0];
  }

  /** The published network that has these tensors. */
  private static AdmFlags published(Tensors file, int classes) throws IOException {
    for (PublishedAdm one : PublishedAdm.values()) {
      if (isOf(file, one.flags(), classes)) {
        return one.flags();
      }
    }
    TensorView first = file.find(FIRST).orElseThrow();
    if (first.shape().length > 1 && first.shape()[1] != IMAGE_CHANNELS) {
      throw new DataException(
          file.origin(),
          "reads "
              + first.shape()[1]
              + " channels: an upsampler, or of another kind; expected a network of RGB images");
    }
    List<String> files =
        Arrays.stream(PublishedAdm.values()).map(PublishedAdm::file).distinct().toList();
    throw new DataException(
        file.origin(),
        "is none of the published networks ("
            + String.join(", ", files)
            + "): say the options that it was trained with in a JSON file, such as"
            + " {\"image_size\": 64, \"num_channels\": 192}, with convert --config FILE");
  }

  private static boolean isOf(Tensors file, AdmFlags flags, int classes) {
    TensorView first = file.find(FIRST).orElseThrow();
    TensorView last = file.find(LAST).orElseThrow();
    long outputs = flags.learnsVariance() ? 2L * IMAGE_CHANNELS : IMAGE_CHANNELS;
    if (first.shape()[0] != flags.network(classes).widths().getFirst()
        || last.shape()[0] != outputs) {
      return false;
    }
    Map<String, Parameter> parameters = flags.network(classes).graph().parameters();
    return parameters.keySet().equals(file.names())
        && parameters.values().stream()
            .filter(each -> !each.name().startsWith("out.2."))
            .allMatch(each -> elements(file, each.name()) == each.size());
  }

  private static long elements(Tensors file, String name) {
    return file.find(name).orElseThrow().elements();
  }

  /** Their names are the project's; of outputs for image and variance the first half is read. */
  private static TensorNames names(AdmFlags flags) {
    return new TensorNames() {
      @Override
      public String layout() {
        return LAYOUT;
      }

      @Override
      public List<TensorPlace> places(String parameter) {
        TensorPlace.Stored whole = TensorPlace.Stored.whole(parameter);
        boolean halved =
            flags.learnsVariance() && (parameter.equals(LAST) || parameter.equals(LAST_BIAS));
        return List.of(halved ? whole.part(0, 2) : whole);
      }
    };
  }
}
