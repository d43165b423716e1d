package org.halfstep.graph;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.function.Function;
import org.halfstep.device.ConvolutionShape;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.WeightChoice;

/**
 * Chooses how the convolutions of a network are computed so that its packed weights fit into
 * memory. Each starts with what is fastest; while the sum is too large, the one goes a step down
 * that loses the least time for the memory it gives back. The choice depends on the network, the
 * device and the limit alone, never on a batch: an image is the same in any batch, and no weight is
 * packed twice.
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

  private final Map<String, Layer> layers = new LinkedHashMap<>();
  private final long otherBytes;
  private final long limit;

  private WeightBudget(long otherBytes, long limit) {
    this.otherBytes = otherBytes;
    this.limit = limit;
  }

  /**
   * Chooses for a graph.
   *
   * @param stored how the numbers of a weight are stored
   * @param limit bytes that all weights together may take; where even the smallest choices take
   *     more, those are taken
   */
  static WeightBudget of(
      Device device, Graph graph, Function<Parameter, DataType> stored, long limit) {
    Map<String, List<WeightChoice>> choices = new LinkedHashMap<>();
    Map<String, String> names = new LinkedHashMap<>();
    long others = Float.BYTES * graph.parameterFloats();
    for (Op op : graph.ops()) {
      if (op instanceof ConvolutionOp convolution) {
        List<WeightChoice> ways =
            device.weightChoices(shape(convolution), stored.apply(convolution.weight()));
        if (!ways.isEmpty()) {
          choices.put(convolution.weight().name(), withoutEquals(ways));
          names.put(convolution.weight().name(), convolution.label());
          others -= Float.BYTES * convolution.weight().size();
        }
      } else if (op instanceof QuantizedConvolutionOp convolution) {
        others -= (Float.BYTES - 1) * convolution.weight().size();
      }
    }
    WeightBudget budget = new WeightBudget(others, limit);
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
    while (total > limit && !steps.isEmpty()) {
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

  private static void offer(
      PriorityQueue<StepDown> steps, String weight, List<WeightChoice> ways, int from) {
    if (from + 1 < ways.size()) {
      WeightChoice now = ways.get(from);
      WeightChoice next = ways.get(from + 1);
      double loss =
          (next.milliseconds() - now.milliseconds()) / Math.max(1, now.bytes() - next.bytes());
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
    return limit;
  }
}
