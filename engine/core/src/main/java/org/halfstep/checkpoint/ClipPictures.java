package org.halfstep.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.halfstep.files.DataException;
import org.halfstep.files.Json;

/**
 * How pictures become what a CLIP reads, as the preprocessor_config.json beside it says: the
 * shorter side bicubic to a size, the middle square, each colour less its mean, divided by its
 * deviation. Source: specification 4.4; transformers' CLIPImageProcessor.
 *
 * @param shorter side in pixels after the change of size, at least {@code side}
 * @param side of the middle square: what the network reads
 * @param mean of each colour, in 0 .. 1
 * @param deviation of each colour, above 0
 */
public record ClipPictures(int shorter, int side, List<Double> mean, List<Double> deviation) {
  private static final String FILE = "preprocessor_config.json";
  private static final int COLOURS = 3;
  private static final int LARGEST_SIDE = 4096;
  private static final int BICUBIC = 3;
  private static final double LEAST_DEVIATION = 1e-3;

  /** Of CLIP's training data. */
  private static final List<Double> MEAN = List.of(0.48145466, 0.4578275, 0.40821073);

  private static final List<Double> DEVIATION = List.of(0.26862954, 0.26130258, 0.27577711);

  public ClipPictures {
    mean = List.copyOf(mean);
    deviation = List.copyOf(deviation);
  }

  /** What CLIP was trained with, for a network that reads pictures of a side. */
  public static ClipPictures standard(int side) {
    return new ClipPictures(side, side, MEAN, DEVIATION);
  }

  /**
   * Reads the file in a folder; without one it is as CLIP was trained.
   *
   * @param side of the pictures that the network reads
   * @throws DataException in one line that names the key, when pictures are to become something
   *     that this engine does not make
   */
  static ClipPictures read(Path folder, int side) throws IOException {
    Path file = folder.resolve(FILE);
    if (!Files.isRegularFile(file)) {
      return standard(side);
    }
    ObjectNode json = Json.read(ObjectNode.class, file);
    ConfigKeys keys = new ConfigKeys(json, file.toString(), _ -> {});
    for (String step : List.of("do_resize", "do_center_crop", "do_rescale", "do_normalize")) {
      keys.require(step, true);
    }
    keys.require("resample", BICUBIC, "3 is bicubic");
    double scale = keys.number("rescale_factor", 1 / 255.0, 0, 1);
    if (Math.abs(255 * scale - 1) > 1e-3) {
      throw keys.refuse("rescale_factor", "is " + scale + "; expected 1/255");
    }
    int cut = square(keys, json, "crop_size", side);
    if (cut != side) {
      throw keys.refuse(
          "crop_size", "is " + cut + ", but the network reads pictures of side " + side);
    }
    int shorter = shorter(keys, json, side);
    if (shorter < side) {
      throw keys.refuse(
          "size", "is " + shorter + ", less than the " + side + " that are cut out of it");
    }
    return new ClipPictures(
        shorter,
        side,
        colours(keys, json, "image_mean", MEAN, 0),
        colours(keys, json, "image_std", DEVIATION, LEAST_DEVIATION));
  }

  /** A number, or an object with two equal sides. */
  private static int square(ConfigKeys keys, ObjectNode json, String key, int fallback)
      throws DataException {
    JsonNode value = json.path(key);
    if (!value.isObject()) {
      return keys.whole(key, fallback, 1, LARGEST_SIDE);
    }
    int height = value.path("height").asInt();
    if (height < 1 || height > LARGEST_SIDE || height != value.path("width").asInt()) {
      throw keys.refuse(key, "is " + value + "; expected a square");
    }
    return height;
  }

  /** A number, or an object that names the shortest edge: other forms change a picture's shape. */
  private static int shorter(ConfigKeys keys, ObjectNode json, int fallback) throws DataException {
    JsonNode value = json.path("size");
    if (!value.isObject()) {
      return keys.whole("size", fallback, 1, LARGEST_SIDE);
    }
    int edge = value.path("shortest_edge").asInt();
    if (value.size() != 1 || edge < 1 || edge > LARGEST_SIDE) {
      throw keys.refuse(
          "size", "is " + value + "; expected shortest_edge, since pictures keep their shape here");
    }
    return edge;
  }

  private static List<Double> colours(
      ConfigKeys keys, ObjectNode json, String key, List<Double> fallback, double least)
      throws DataException {
    JsonNode value = json.path(key);
    if (value.isMissingNode() || value.isNull()) {
      return fallback;
    }
    boolean fits = value.isArray() && value.size() == COLOURS;
    for (JsonNode number : value) {
      fits &= number.isNumber() && number.asDouble() >= least && number.asDouble() <= 1;
    }
    if (!fits) {
      throw keys.refuse(key, "is " + value + "; expected three numbers from " + least + " to 1");
    }
    return List.of(value.get(0).asDouble(), value.get(1).asDouble(), value.get(2).asDouble());
  }
}
