package org.halfstep.model;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiConsumer;
import java.util.function.Function;
import org.halfstep.files.DataException;
import org.halfstep.safetensors.SafetensorsFile;
import org.halfstep.safetensors.Tensors;

/**
 * A kind of file that networks are kept in: safetensors whose metadata say the format, the
 * architecture as JSON under "config" and the card under "card"; an int8 network's also how it was
 * made, under "quantization".
 *
 * @param name what the file says under "format", such as "halfstep-unet-1"
 * @param noun what people call such a file: "model", "classifier"
 * @param architecture reads the configuration
 * @param card reads the card
 * @param agreement compares the two, each of them allowed, and throws an {@link
 *     IllegalArgumentException} in one line where they do not go together
 */
public record NetworkFormat<A extends Architecture, C extends Card>(
    String name,
    String noun,
    Function<String, A> architecture,
    Function<String, C> card,
    BiConsumer<A, C> agreement) {
  private static final String FORMAT = "format";
  private static final String CONFIG = "config";
  private static final String CARD = "card";
  private static final String QUANTIZATION = "quantization";

  /**
   * What a file says of a network.
   *
   * @param quantization null for a float32 network
   */
  record Description<A extends Architecture, C extends Card>(
      A architecture, C card, Quantization quantization) {}

  /**
   * Reads what a file says of its network; nothing is compared with its tensors.
   *
   * @throws DataException in one line, when it says that it is something else, lacks a part, or
   *     says what cannot be
   */
  Description<A, C> read(SafetensorsFile file) throws IOException {
    Map<String, String> metadata = file.metadata();
    String found = metadata.get(FORMAT);
    boolean whole = metadata.containsKey(CONFIG) && metadata.containsKey(CARD);
    if (!name.equals(found) || !whole) {
      throw new DataException(
          file.path(),
          "is not a Halfstep "
              + noun
              + ": expected \"format\": \""
              + name
              + "\" and \"config\", \"card\" in its metadata, found "
              + (found == null ? "no format" : "\"" + found + "\"")
              + (whole ? "" : " and not all of the others"));
    }
    try {
      A read = architecture.apply(metadata.get(CONFIG));
      C said = card.apply(metadata.get(CARD));
      String quantization = metadata.get(QUANTIZATION);
      agreement.accept(read, said);
      return new Description<>(
          read, said, quantization == null ? null : Quantization.fromJson(quantization));
    } catch (IllegalArgumentException e) {
      throw new DataException(file.path(), e.getMessage(), e);
    }
  }

  /**
   * How the int8 network in a file was made; nothing for a file of another network.
   *
   * @throws DataException in one line, when the file says it in a way that cannot be
   */
  public static Optional<Quantization> quantization(Tensors tensors) throws DataException {
    if (!(tensors instanceof SafetensorsFile file) || !file.metadata().containsKey(QUANTIZATION)) {
      return Optional.empty();
    }
    try {
      return Optional.of(Quantization.fromJson(file.metadata().get(QUANTIZATION)));
    } catch (IllegalArgumentException e) {
      throw new DataException(file.path(), e.getMessage(), e);
    }
  }

  /** The metadata of a file of this format. */
  static Map<String, String> metadata(
      Architecture architecture, Card card, Quantization quantization) {
    Map<String, String> metadata = new LinkedHashMap<>();
    metadata.put(FORMAT, architecture.format().name());
    metadata.put(CONFIG, architecture.toJson());
    metadata.put(CARD, card.toJson());
    if (quantization != null) {
      metadata.put(QUANTIZATION, quantization.toJson());
    }
    return metadata;
  }
}
