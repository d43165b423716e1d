package org.halfstep.checkpoint;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.halfstep.model.TensorPlace;

/**
 * The names of low-rank updates in files: kohya's, with underscores throughout and modules called
 * as diffusers or CompVis have them, and those of diffusers and PEFT, with points, of which there
 * have been several. Every parameter of a network of two extents or more can have an update.
 */
final class LowRankNames {
  /** What a tensor is to the update of its module. */
  enum Role {
    /** [rank, in, ...]: the first factor. */
    DOWN,
    /** [out, rank, ...]: the second factor. */
    UP,
    /** One number, over the rank the factor of the update. */
    ALPHA
  }

  /**
   * A parsed name.
   *
   * @param module as the file calls it
   */
  record Key(String module, Role role) {}

  /** A parameter of a network. */
  record Target(Part part, String parameter) {}

  private record Ending(String text, Role role) {}

  /** Endings behind a module, each before those that it ends with. */
  private static final List<Ending> ENDINGS =
      List.of(
          new Ending(".lora_linear_layer.down.weight", Role.DOWN),
          new Ending(".lora_linear_layer.up.weight", Role.UP),
          new Ending(".lora.down.weight", Role.DOWN),
          new Ending(".lora.up.weight", Role.UP),
          new Ending("_lora.down.weight", Role.DOWN),
          new Ending("_lora.up.weight", Role.UP),
          new Ending(".lora_down.weight", Role.DOWN),
          new Ending(".lora_up.weight", Role.UP),
          new Ending(".lora_A.weight", Role.DOWN),
          new Ending(".lora_B.weight", Role.UP),
          new Ending(".lora_A.default.weight", Role.DOWN),
          new Ending(".lora_B.default.weight", Role.UP),
          new Ending("_lora.alpha", Role.ALPHA),
          new Ending(".alpha", Role.ALPHA));

  private static final String WEIGHT = ".weight";
  private static final String PEFT = "base_model.model.";

  /** Layers of attention as early files of diffusers call them, behind the attention's name. */
  private static final Map<String, String> EARLY =
      Map.of(
          "to_q",
          "to_q",
          "to_k",
          "to_k",
          "to_v",
          "to_v",
          "to_out.0",
          "to_out",
          "q_proj",
          "to_q",
          "k_proj",
          "to_k",
          "v_proj",
          "to_v",
          "out_proj",
          "to_out");

  private final Map<String, Target> modules = new HashMap<>();

  /**
   * @param networks of one model
   */
  LowRankNames(List<NetworkDescription> networks) {
    for (NetworkDescription network : networks) {
      if (network.part() != Part.AUTOENCODER) {
        network
            .shapes()
            .forEach(
                (name, shape) -> {
                  if (shape.length > 1 && name.endsWith(WEIGHT)) {
                    add(network, name);
                  }
                });
      }
    }
  }

  private void add(NetworkDescription network, String parameter) {
    boolean unet = network.part() == Part.UNET;
    Target target = new Target(network.part(), parameter);
    String module = module(parameter);
    String flat = unet ? "lora_unet_" : "lora_te_";
    modules.put(flat + flattened(module), target);
    for (TensorPlace place : network.single().places(parameter)) {
      if (place instanceof TensorPlace.Stored stored
          && stored.parts() == 1
          && stored.tensor().endsWith(WEIGHT)) {
        modules.putIfAbsent(flat + flattened(module(stored.tensor())), target);
      }
    }
    String dotted = unet ? "unet." : "text_encoder.";
    for (String before : unet ? List.of(dotted, "", PEFT, dotted + PEFT) : List.of(dotted)) {
      modules.put(before + module, target);
      early(module)
          .ifPresent(
              layer -> {
                String attention = before + module.substring(0, layer.attention());
                modules.put(attention + "processor." + layer.name(), target);
                modules.put(attention + layer.name(), target);
              });
    }
  }

  private record EarlyLayer(int attention, String name) {}

  private static Optional<EarlyLayer> early(String module) {
    for (Map.Entry<String, String> entry : EARLY.entrySet()) {
      if (module.endsWith("." + entry.getKey())) {
        int attention = module.length() - entry.getKey().length();
        return Optional.of(new EarlyLayer(attention, entry.getValue()));
      }
    }
    return Optional.empty();
  }

  private static String module(String weight) {
    return weight.substring(0, weight.length() - WEIGHT.length());
  }

  private static String flattened(String module) {
    return module.replace('.', '_');
  }

  /** What a tensor is by its name, if it is a part of an update. */
  static Optional<Key> key(String tensor) {
    for (Ending ending : ENDINGS) {
      if (tensor.endsWith(ending.text())) {
        String module = tensor.substring(0, tensor.length() - ending.text().length());
        return Optional.of(new Key(module, ending.role()));
      }
    }
    return Optional.empty();
  }

  /** The parameter that a module of a file updates. */
  Optional<Target> target(String module) {
    return Optional.ofNullable(modules.get(module));
  }
}
