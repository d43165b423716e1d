package org.halfstep.model;

import java.io.IOException;
import java.util.Arrays;
import java.util.Map;
import java.util.function.Supplier;
import org.halfstep.files.DataException;
import org.halfstep.graph.Graph;
import org.halfstep.safetensors.SafetensorsFile;
import org.halfstep.safetensors.TensorView;

/**
 * Compares what a file says of its network with the tensors that are in it: names, types and
 * shapes, before memory is taken for any of them. A header of a few bytes can describe a network of
 * any size; the tensors cannot, since the file has them.
 */
final class ModelFileCheck {
  private ModelFileCheck() {}

  /**
   * A UNet's file.
   *
   * @param quantized whether it is an int8 network's
   * @throws DataException in one line, with the first difference
   */
  static void require(
      UNetConfig config,
      ModelCard card,
      boolean quantized,
      Map<String, TensorView> tensors,
      String origin)
      throws IOException {
    long blocks = config.channelMult().size() * (2L * config.numResBlocks() + 1);
    if (blocks > tensors.size()) {
      throw new DataException(
          origin,
          "describes a network of "
              + blocks
              + " blocks, but has "
              + tensors.size()
              + " tensors; the file is damaged");
    }
    requireSchedule(card, origin);
    if (config.isConditional() && card.classNames().size() > config.numClasses()) {
      throw new DataException(
          origin,
          "names "
              + card.classNames().size()
              + " classes, but its network has "
              + config.numClasses());
    }
    require(() -> quantized ? UNet.buildQuantized(config) : UNet.build(config), tensors, origin);
  }

  /** What a card says of its noise and its times, each allowed, may not go together. */
  private static void requireSchedule(ModelCard card, String origin) throws DataException {
    try {
      card.timeGrid().times(card.noiseSchedule(), card.steps() == null ? 1 : card.steps());
    } catch (IllegalArgumentException impossible) {
      throw new DataException(origin, "model card: " + impossible.getMessage());
    }
  }

  /** A classifier's file. */
  static void require(
      ClassifierConfig config, ClassifierCard card, Map<String, TensorView> tensors, String origin)
      throws IOException {
    if (card.classNames().size() > config.classes()) {
      throw new DataException(
          origin,
          "names "
              + card.classNames().size()
              + " classes, but its network has "
              + config.classes());
    }
    require(() -> Classifier.build(config), tensors, origin);
  }

  /**
   * A part of a file's metadata.
   *
   * @param format what the file must say it is
   * @throws DataException when it says something else, or lacks an entry that is needed
   */
  static void requireFormat(SafetensorsFile file, String format, String what, String... entries)
      throws DataException {
    String found = file.metadata().get("format");
    boolean whole = file.metadata().keySet().containsAll(Arrays.asList(entries));
    if (!format.equals(found) || !whole) {
      throw new DataException(
          file.path(),
          "is not a Halfstep "
              + what
              + ": expected \"format\": \""
              + format
              + "\" and \""
              + String.join("\", \"", entries)
              + "\" in its metadata, found "
              + (found == null ? "no format" : "\"" + found + "\"")
              + (whole ? "" : " and not all of the others"));
    }
  }

  private static void require(Supplier<Graph> build, Map<String, TensorView> tensors, String origin)
      throws IOException {
    Graph graph;
    try {
      graph = build.get();
    } catch (IllegalArgumentException | ArithmeticException impossible) {
      throw new DataException(origin, "describes no network: " + impossible.getMessage());
    }
    ParameterFile.requireFit(graph, tensors, origin);
  }
}
