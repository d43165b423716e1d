package org.halfstep.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.halfstep.checkpoint.LowRankNames.Key;
import org.halfstep.checkpoint.LowRankNames.Role;
import org.halfstep.checkpoint.LowRankNames.Target;
import org.halfstep.files.DataException;
import org.halfstep.files.Json;
import org.halfstep.safetensors.SafetensorsFile;
import org.halfstep.safetensors.TensorView;
import org.halfstep.safetensors.Tensors;

/**
 * Updates of low rank of a model's UNet and text encoder: {@code W + strength alpha / rank up down}
 * (LoRA: Hu et al. 2021, arXiv:2106.09685), from a file of kohya's layout or of diffusers' and
 * PEFT's. Without an alpha the factor is the strength.
 */
public final class LowRankUpdates implements AutoCloseable {
  /** Largest magnitude of a strength: far beyond any that is useful. */
  public static final double GREATEST_STRENGTH = 100;

  private static final String METADATA = "lora_adapter_metadata";

  /**
   * The update of one parameter.
   *
   * @param down [rank, in, ...]
   * @param up [out, rank, ...]
   * @param scale alpha over rank
   */
  record Update(TensorView down, TensorView up, double scale) {}

  private final Tensors file;
  private final Map<Target, Update> updates;

  private LowRankUpdates(Tensors file, Map<Target, Update> updates) {
    this.file = file;
    this.updates = updates;
  }

  /**
   * Opens a file of updates and compares it with the model that they are for.
   *
   * @param model the components of a {@link Checkpoint}
   * @throws IOException in one line, when the file is damaged, has a key that belongs to no update
   *     of this model, or an update of another shape
   */
  public static LowRankUpdates open(Path path, Collection<Component> model) throws IOException {
    for (Component component : model) {
      component.requireFloating();
    }
    Tensors file = TensorFiles.open(path);
    try {
      return new LowRankUpdates(file, new Reader(file, model).read());
    } catch (IOException | RuntimeException failure) {
      file.close();
      throw failure;
    }
  }

  /** How many parameters of a network they change. */
  public int count(Part part) {
    return (int) updates.keySet().stream().filter(target -> target.part() == part).count();
  }

  /**
   * A component with these updates in its tensors, each rounded to the type that it has in the
   * component.
   *
   * @param component of the model that they were opened for; read while the result is in use
   * @param strength what the updates are multiplied by, from -{@value #GREATEST_STRENGTH} to
   *     {@value #GREATEST_STRENGTH}; 1 as trained
   * @return with tensors that the caller, or the network opened from them, closes; the component
   *     itself where nothing of it is changed
   */
  public Component merge(Component component, double strength) {
    if (!(Math.abs(strength) <= GREATEST_STRENGTH)) {
      throw new IllegalArgumentException(
          file.origin()
              + ": the strength of updates must be from -"
              + GREATEST_STRENGTH
              + " to "
              + GREATEST_STRENGTH
              + ", got "
              + strength);
    }
    Map<String, Update> own = new TreeMap<>();
    updates.forEach(
        (target, update) -> {
          if (target.part() == component.part()) {
            own.put(target.parameter(), update);
          }
        });
    if (own.isEmpty() || strength == 0) {
      return component;
    }
    MergedTensors merged = new MergedTensors(component.tensors(), own, strength);
    return new Component(component.network(), component.config(), merged);
  }

  @Override
  public void close() {
    file.close();
  }

  /** Finds the updates in a file. */
  private static final class Reader {
    private final Tensors file;
    private final Map<Part, Component> model = new EnumMap<>(Part.class);
    private final Map<String, Map<Role, TensorView>> modules = new TreeMap<>();

    Reader(Tensors file, Collection<Component> model) {
      this.file = file;
      model.forEach(component -> this.model.put(component.part(), component));
    }

    Map<Target, Update> read() throws IOException {
      List<String> unknown = new ArrayList<>();
      for (String name : file.names()) {
        Key key = LowRankNames.key(name).orElse(null);
        if (key == null) {
          unknown.add(name);
        } else {
          modules
              .computeIfAbsent(key.module(), _ -> new EnumMap<>(Role.class))
              .put(key.role(), file.find(name).orElseThrow());
        }
      }
      LowRankNames names =
          new LowRankNames(model.values().stream().map(Component::network).toList());
      Map<Target, Update> updates = new LinkedHashMap<>();
      for (Map.Entry<String, Map<Role, TensorView>> entry : modules.entrySet()) {
        Target target = names.target(entry.getKey()).orElse(null);
        if (target == null) {
          unknown.add(entry.getValue().values().iterator().next().name());
        } else if (updates.put(target, update(target, entry.getValue())) != null) {
          throw new DataException(file.origin(), "updates " + target.parameter() + " twice");
        }
      }
      if (!unknown.isEmpty()) {
        Collections.sort(unknown);
        throw new DataException(
            file.origin(),
            "has keys that are not low-rank updates of this model: "
                + ConfigKeys.first(unknown)
                + "; expected a LoRA file of kohya or diffusers, trained on a model of this kind");
      }
      if (updates.isEmpty()) {
        throw new DataException(file.origin(), "has no tensors; expected low-rank updates");
      }
      return updates;
    }

    private Update update(Target target, Map<Role, TensorView> parts) throws IOException {
      long[] shape = model.get(target.part()).network().shapes().get(target.parameter());
      TensorView down = part(target, parts, Role.DOWN);
      TensorView up = part(target, parts, Role.UP);
      long rank = down.shape().length == 0 ? 0 : down.shape()[0];
      long[] first = shape.clone();
      first[0] = rank;
      requireShape(down, first, rank);
      requireShape(up, new long[] {shape[0], rank}, rank);
      double alpha = rank;
      if (parts.containsKey(Role.ALPHA)) {
        TensorView stored = parts.get(Role.ALPHA);
        if (!stored.dtype().isFloating() || stored.elements() != 1) {
          throw new DataException(
              file.origin(), stored + " is not an alpha; expected one number, F32, F16 or BF16");
        }
        alpha = stored.doubles()[0];
        requireFinite(stored.name(), alpha);
      } else {
        alpha = said(target.part(), rank);
      }
      return new Update(down, up, alpha / rank);
    }

    private TensorView part(Target target, Map<Role, TensorView> parts, Role role)
        throws IOException {
      TensorView tensor = parts.get(role);
      if (tensor == null) {
        throw new DataException(
            file.origin(),
            "has "
                + parts.values().iterator().next().name()
                + ", but not the other factor of the update of "
                + target.parameter());
      }
      if (!tensor.dtype().isFloating()) {
        throw new DataException(
            file.origin(),
            "tensor " + tensor.name() + " is " + tensor.dtype() + "; expected F32, F16 or BF16");
      }
      long at = tensor.firstNotFinite();
      if (at >= 0) {
        throw new DataException(
            file.origin(), "tensor " + tensor.name() + " has no finite number at " + at);
      }
      return tensor;
    }

    /** A linear layer's factors may be 1x1 kernels, and the other way round. */
    private void requireShape(TensorView tensor, long[] expected, long rank) throws IOException {
      long[] found = tensor.shape();
      if (rank < 1
          || !Arrays.equals(
              NetworkTensors.significant(found), NetworkTensors.significant(expected))) {
        throw new DataException(
            file.origin(),
            "tensor "
                + tensor.name()
                + " has shape "
                + Arrays.toString(found)
                + "; an update of rank "
                + rank
                + " has "
                + Arrays.toString(expected)
                + " here");
      }
    }

    /** PEFT keeps one alpha for all updates of a network, in the file's metadata. */
    private double said(Part part, long rank) throws IOException {
      String text =
          file instanceof SafetensorsFile tensors ? tensors.metadata().get(METADATA) : null;
      if (text == null) {
        return rank;
      }
      String before = part == Part.UNET ? "unet." : "text_encoder.";
      ObjectNode said;
      try {
        said = Json.parse(ObjectNode.class, METADATA, text);
      } catch (IllegalArgumentException malformed) {
        throw new DataException(file.origin(), malformed.getMessage());
      }
      for (String more : List.of("alpha_pattern", "use_rslora", "use_dora")) {
        JsonNode value = said.path(before + more);
        if (value.isObject() && !value.isEmpty() || value.asBoolean()) {
          throw new DataException(
              file.origin(),
              METADATA
                  + ": "
                  + before
                  + more
                  + " is "
                  + value
                  + ", which this engine does not know");
        }
      }
      JsonNode alpha = said.path(before + "lora_alpha");
      if (alpha.isMissingNode() || alpha.isNull()) {
        return rank;
      }
      requireFinite(METADATA, alpha.isNumber() ? alpha.asDouble() : Double.NaN);
      return alpha.asDouble();
    }

    private void requireFinite(String what, double alpha) throws IOException {
      if (!Double.isFinite(alpha)) {
        throw new DataException(file.origin(), what + " has no finite number for alpha");
      }
    }
  }
}
