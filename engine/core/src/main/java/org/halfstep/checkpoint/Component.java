package org.halfstep.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.halfstep.files.DataException;
import org.halfstep.files.FileDigest;
import org.halfstep.files.Json;
import org.halfstep.graph.Weights;
import org.halfstep.model.Card;
import org.halfstep.model.ComponentCard;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Quantization;
import org.halfstep.safetensors.TensorView;
import org.halfstep.safetensors.Tensors;

/**
 * One network of a checkpoint.
 *
 * @param network what it is
 * @param config its config.json, as it was read or as it follows from the tensors
 * @param tensors its parameters, under the names and in the shapes of {@link
 *     NetworkDescription#shapes}, and the scales of an int8 network's layers; there until its
 *     {@link Checkpoint} is closed, and closing them does nothing
 * @param quantization how an int8 network was made; null for another one
 */
public record Component(
    NetworkDescription network, ObjectNode config, Tensors tensors, Quantization quantization) {
  /**
   * The key of a configuration under which its card lies. Other programs pass over keys that begin
   * so, and every layout keeps a configuration.
   */
  private static final String CARD = "_halfstep_card";

  /** Bytes that are digested together. */
  private static final long PART = 1 << 20;

  private static final String SAMPLE_SIZE = "sample_size";

  /** Keys of a configuration that say nothing of the network's shape, and go with it. */
  static final List<String> BESIDE = List.of(SAMPLE_SIZE, CARD);

  /** A network whose weights are not bytes. */
  public Component(NetworkDescription network, ObjectNode config, Tensors tensors) {
    this(network, config, tensors, null);
  }

  /**
   * Fails where the weights are bytes, for what goes on from numbers.
   *
   * @throws DataException in one line
   */
  Component requireFloating() throws DataException {
    if (quantization != null) {
      throw new DataException(
          tensors.origin(),
          "is an int8 "
              + part().title()
              + ", which can be evaluated only: take the model that it was made from");
    }
    return this;
  }

  /**
   * A UNet in memory, to be written.
   *
   * @param network what it is
   * @param side rows and columns of the latents that it was made for
   * @param origin what it is, for error texts
   * @param weights under its parameters' names; they stay the caller's, and are read when the
   *     component's tensors are
   * @throws IOException in one line, when they are not those of the description
   */
  public static Component of(
      UNetDescription network, int side, String origin, Weights weights, ModelCard card)
      throws IOException {
    return of((NetworkDescription) network, side, origin, weights, card);
  }

  /**
   * A first stage in memory, to be written.
   *
   * @param network what it is
   * @param side rows and columns of the pictures that it was made for
   * @param origin what it is, for error texts
   * @param weights as above
   * @throws IOException in one line, when they are not those of the description
   */
  public static Component of(
      AutoencoderDescription network, int side, String origin, Weights weights, ComponentCard card)
      throws IOException {
    return of((NetworkDescription) network, side, origin, weights, card);
  }

  private static Component of(
      NetworkDescription network, int side, String origin, Weights weights, Card card)
      throws IOException {
    ObjectNode config = network.toJson();
    config.put(SAMPLE_SIZE, side);
    config.set(CARD, Json.tree(card));
    return new Component(network, config, WeightTensors.of(origin, weights, network));
  }

  /**
   * A text encoder in memory, to be written.
   *
   * @param origin what it is, for error texts
   * @param weights as for a UNet
   * @throws IOException in one line, when they are not those of the description
   */
  public static Component of(TextDescription network, String origin, Weights weights)
      throws IOException {
    return new Component(network, network.toJson(), WeightTensors.of(origin, weights, network));
  }

  /** Which network it is. */
  public Part part() {
    return network.part();
  }

  /**
   * SHA-256 of its parameters, by name, extents, type and numbers: the same for the same network in
   * any layout.
   */
  public String sha256() {
    MessageDigest digest = FileDigest.begin();
    for (Map.Entry<String, long[]> parameter : network.shapes().entrySet()) {
      TensorView tensor = tensors.find(parameter.getKey()).orElseThrow();
      String said =
          parameter.getKey() + " " + tensor.dtype() + " " + Arrays.toString(parameter.getValue());
      digest.update(said.getBytes(StandardCharsets.UTF_8));
      for (long at = 0; at < tensor.data().byteSize(); at += PART) {
        long bytes = Math.min(PART, tensor.data().byteSize() - at);
        digest.update(tensor.data().asSlice(at, bytes).asByteBuffer());
      }
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  /**
   * What a UNet of ours says of itself beside its shape; other programs' say nothing.
   *
   * @throws DataException in one line, when it is no card, or not that of this network
   */
  public Optional<ModelCard> card() throws DataException {
    JsonNode said = config.path(CARD);
    if (said.isMissingNode() || !(network instanceof UNetDescription unet)) {
      return Optional.empty();
    }
    try {
      ModelCard card = ModelCard.fromJson(said.toString());
      boolean takesGuidance = unet.guidanceWidth() > 0;
      if (takesGuidance != card.takesGuidance()) {
        throw new IllegalArgumentException(
            "model card: says that it is a "
                + card.role()
                + ", but the network takes "
                + (takesGuidance ? "a" : "no")
                + " guidance strength");
      }
      return Optional.of(card);
    } catch (IllegalArgumentException refused) {
      throw new DataException(tensors.origin(), refused.getMessage());
    }
  }
}
