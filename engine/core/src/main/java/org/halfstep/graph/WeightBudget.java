package org.halfstep.graph;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import org.halfstep.device.ConvolutionAlgorithm;
import org.halfstep.device.ConvolutionShape;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.WeightChoice;

/**
 * Chooses how the convolutions of a network are computed so that its packed weights fit into
 * memory. Each starts with what is fastest; while the sum is too large, the one goes a step down
 * that loses the least time for the memory it gives back. The choice depends on the network, the
 * device, the limit and, where it is known, the number of evaluations, never on a batch: an image
 * is the same in any batch, and no weight is packed twice. The number of evaluations decides among
 * ways that make the same bits.
 */
public final class WeightBudget {
  /** Of two ways within this much of each other's time the smaller one is as good. */
  private static final double SAME_TIME = 1.03;

  /**
   * What one layer takes.
   *
   * @param layer name of the convolution
   * @param choice what it is computed by
   * @param wished what it would be computed by without a limit
   * @param ways how many there were
   */
  public record Layer(String layer, WeightChoice choice, WeightChoice wished, int ways) {
    /** Whether the limit made it smaller. */
    public boolean isSmaller() {
      return choice.bytes() < wished.bytes();
    }
  }

  /** How the numbers of weights are stored. */
  @FunctionalInterface
  interface Storage {
    /** F32, F16 or BF16 of what convolutions read. */
    DataType type(Parameter weight);

    /** Whether they may be read where they are stored. */
    default boolean isMapped(Parameter weight) {
      return false;
    }

    /** Whether rows of a table are read there. */
    default boolean readsRows(Parameter table) {
      return false;
    }
  }

  private final Map<String, Layer> layers = new LinkedHashMap<>();
  private final long otherBytes;
  private final WeightUse use;

  private WeightBudget(long otherBytes, WeightUse use) {
    this.otherBytes = otherBytes;
    this.use = use;
  }

  /**
   * Chooses for a graph.
   *
   * @param use where even the smallest choices take more memory, those are taken
   */
  static WeightBudget of(Device device, Graph graph, Storage stored, WeightUse use) {
    Map<String, List<WeightChoice>> choices = new LinkedHashMap<>();
    Map<String, String> names = new LinkedHashMap<>();
    long others = Float.BYTES * graph.parameterFloats();
    for (Op op : graph.ops()) {
      if (op instanceof ConvolutionOp convolution) {
        Parameter weight = convolution.weight();
        List<WeightChoice> ways =
            device.weightChoices(
                shape(convolution), stored.type(weight), use.isKnown() && stored.isMapped(weight));
        if (!ways.isEmpty()) {
          choices.put(
              weight.name(),
              use.isKnown() ? cheapest(ways, use.evaluations()) : withoutEquals(ways));
          names.put(weight.name(), convolution.label());
          others -= Float.BYTES * weight.size();
        }
      } else if (op instanceof QuantizedConvolutionOp convolution) {
        others -= (Float.BYTES - 1) * convolution.weight().size();
      } else if (op instanceof EmbeddingOp table && stored.readsRows(table.table())) {
        others -= Float.BYTES * table.table().size();
      }
    }
    WeightBudget budget = new WeightBudget(others, use);
    budget.fit(choices, names);
    return budget;
  }

  /**
   * A way that is hardly faster than a smaller one is left out; the first, by which images are what
   * they are without a limit, only for one that makes the same bits.
   */
  private static List<WeightChoice> withoutEquals(List<WeightChoice> ways) {
    List<WeightChoice> kept = new ArrayList<>();
    for (int i = 0; i < ways.size(); i++) {
      WeightChoice way = ways.get(i);
      boolean first = i == 0;
      boolean matched =
          ways.subList(i + 1, ways.size()).stream()
              .filter(other -> !first || other.algorithm() == way.algorithm())
              .anyMatch(other -> other.milliseconds() <= SAME_TIME * way.milliseconds());
      if (!matched) {
        kept.add(way);
      }
    }
    return kept;
  }

  /**
   * Of those by which images are what they are without a limit, the one that takes the least time
   * altogether, packing included; then the smaller ones, by what these take.
   */
  private static List<WeightChoice> cheapest(List<WeightChoice> ways, long evaluations) {
    Comparator<WeightChoice> byTime =
        Comparator.<WeightChoice>comparingDouble(way -> way.share(evaluations))
            .thenComparingLong(WeightChoice::bytes);
    ConvolutionAlgorithm first = ways.getFirst().algorithm();
    List<WeightChoice> kept = new ArrayList<>();
    kept.add(ways.stream().filter(way -> way.algorithm() == first).min(byTime).orElseThrow());
    ways.stream()
        .sorted(byTime)
        .filter(way -> way.bytes() < kept.getLast().bytes())
        .forEach(kept::add);
    return kept;
  }

  private static ConvolutionShape shape(ConvolutionOp op) {
    Shape x = op.x().shape();
    return new ConvolutionShape(
        1,
        x.height(),
        x.width(),
        x.channels(),
        op.weight().shape().getFirst(),
        op.window(),
        x.channels(),
        0);
  }

  /** A step down of one layer. */
  private record StepDown(String weight, int to, double loss) {}

  private void fit(Map<String, List<WeightChoice>> choices, Map<String, String> names) {
    Map<String, Integer> at = new LinkedHashMap<>();
    PriorityQueue<StepDown> steps =
        new PriorityQueue<>(
            Comparator.comparingDouble(StepDown::loss).thenComparing(StepDown::weight));
    long total = otherBytes;
    for (Map.Entry<String, List<WeightChoice>> entry : choices.entrySet()) {
      at.put(entry.getKey(), 0);
      total += entry.getValue().getFirst().bytes();
      offer(steps, entry.getKey(), entry.getValue(), 0);
    }
    while (total > use.memory() && !steps.isEmpty()) {
      StepDown step = steps.poll();
      List<WeightChoice> ways = choices.get(step.weight());
      total += ways.get(step.to()).bytes() - ways.get(at.get(step.weight())).bytes();
      at.put(step.weight(), step.to());
      offer(steps, step.weight(), ways, step.to());
    }
    at.forEach(
        (weight, index) -> {
          List<WeightChoice> ways = choices.get(weight);
          layers.put(
              weight, new Layer(names.get(weight), ways.get(index), ways.getFirst(), ways.size()));
        });
  }

  private void offer(
      PriorityQueue<StepDown> steps, String weight, List<WeightChoice> ways, int from) {
    if (from + 1 < ways.size()) {
      WeightChoice now = ways.get(from);
      WeightChoice next = ways.get(from + 1);
      double loss =
          (next.share(use.evaluations()) - now.share(use.evaluations()))
              / Math.max(1, now.bytes() - next.bytes());
      steps.add(new StepDown(weight, from + 1, loss));
    }
  }

  /** How a weight's convolution is computed; null where the device does not say. */
  WeightChoice choice(Parameter weight) {
    Layer layer = layers.get(weight.name());
    return layer == null ? null : layer.choice();
  }

  /** The layers that had a choice, in the order of the network. */
  public List<Layer> layers() {
    return layers.values().stream().filter(layer -> layer.ways() > 1).toList();
  }

  /** Bytes that all weights are expected to take. */
  public long bytes() {
    return otherBytes + layers.values().stream().mapToLong(layer -> layer.choice().bytes()).sum();
  }

  /** Bytes that they were allowed to take. */
  public long limit() {
    return use.memory();
  }
}
