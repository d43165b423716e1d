package org.halfstep.quantize;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.IntConsumer;
import java.util.stream.Collectors;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.HostView;
import org.halfstep.device.Owned;
import org.halfstep.graph.Graph;
import org.halfstep.graph.Parameter;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.graph.Value;
import org.halfstep.model.Architecture;
import org.halfstep.model.Card;
import org.halfstep.model.LayerScales;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.Quantization;
import org.halfstep.model.UNetConfig;

/**
 * Makes an int8 network from a float32 one. The float32 network is evaluated on rows like those of
 * its use; what each int8 layer reads is counted, and the byte range with the least squared error
 * is chosen. Weights get one scale per output channel, by the same rule.
 */
public final class Calibration implements AutoCloseable {
  /** Rows of a network of images that are evaluated together. */
  private static final int BATCH = 8;

  /**
   * What was found: enough to make the int8 network, in memory ({@link Network#quantized}) or in a
   * file ({@link Network#saveQuantized}).
   *
   * @param how it was measured
   * @param layers scales of each int8 layer, by its name
   */
  public record Scales(Quantization how, Map<String, LayerScales> layers) {}

  /** Makes the rows for a plan; they are closed before it. */
  @FunctionalInterface
  public interface Rows {
    CalibrationInputs over(Plan plan);
  }

  private final Network<?, ?> network;
  private final Owned owned = new Owned();
  private final Plan plan;
  private final CalibrationInputs rows;
  private final Map<String, List<String>> layers;

  /** What the layers read, by the value's name; one that several layers read is counted once. */
  private final Map<String, HostView> windows = new LinkedHashMap<>();

  private final Map<String, ValueHistogram> histograms = new LinkedHashMap<>();

  private Calibration(Network<?, ?> network, int batch, Rows rows) {
    this.network = network;
    this.layers = network.architecture().int8Layers();
    try {
      Set<String> inputs = new LinkedHashSet<>();
      layers.values().forEach(inputs::addAll);
      Graph graph = network.architecture().calibrationGraph();
      Set<Value> kept = inputs.stream().map(graph::named).collect(Collectors.toSet());
      PlanOptions options = PlanOptions.inference(batch).withKept(kept);
      this.plan = owned.add(Plan.inference(network.device(), graph, options, network.values()));
      plan.prepare();
      this.rows = owned.add(rows.over(plan));
      for (String input : inputs) {
        long bytes = Float.BYTES * plan.count(input);
        windows.put(input, owned.add(network.device().view(plan.address(input), bytes)));
        histograms.put(input, new ValueHistogram());
      }
    } catch (RuntimeException | Error failure) {
      owned.close();
      throw failure;
    }
  }

  /**
   * An int8 network of images, owned by the caller.
   *
   * @param network float32; stays the caller's
   * @param dataName what the file calls the images
   * @param progress told the percentage that is done
   * @throws IllegalArgumentException in one line, when the network is int8 already
   */
  public static Network<UNetConfig, ModelCard> quantize(
      Network<UNetConfig, ModelCard> network,
      ImageDataset data,
      String dataName,
      CalibrationSettings settings,
      IntConsumer progress) {
    Scales scales = scales(network, data, dataName, settings, progress);
    return Network.quantized(network, scales.how(), scales.layers());
  }

  /**
   * An int8 network, owned by the caller.
   *
   * @param network float32; stays the caller's
   * @param batch rows that are evaluated together, all of whose values are kept in memory
   * @param rows what it is evaluated on
   * @param dataName what the file calls that
   * @param seed of the rows, for the file
   * @param progress told the percentage that is done
   * @throws IllegalArgumentException in one line, when the network is int8 already
   */
  public static <A extends Architecture, C extends Card> Network<A, C> quantize(
      Network<A, C> network,
      int batch,
      Rows rows,
      String dataName,
      long seed,
      IntConsumer progress) {
    Scales scales = scales(network, batch, rows, dataName, seed, progress);
    return Network.quantized(network, scales.how(), scales.layers());
  }

  /**
   * The scales of a network of images: calibrated on real images, noised to each of the times at
   * which its sampler evaluates it, with guidance strengths over its range.
   *
   * @param network float32; stays the caller's
   * @param dataName what the file calls the images
   * @param progress told the percentage that is done
   * @throws IllegalArgumentException in one line, when the network is int8 already
   */
  public static Scales scales(
      Network<UNetConfig, ModelCard> network,
      ImageDataset data,
      String dataName,
      CalibrationSettings settings,
      IntConsumer progress) {
    return scales(
        network,
        BATCH,
        plan -> new ImageRows(network, plan, data, settings),
        dataName,
        settings.seed(),
        progress);
  }

  /**
   * The scales of any network. When they are there, what it was measured in is given back.
   *
   * @param network float32; stays the caller's
   * @param batch rows that are evaluated together, all of whose values are kept in memory
   * @param rows what it is evaluated on
   * @param dataName what the file calls that
   * @param seed of the rows, for the file
   * @param progress told the percentage that is done
   * @throws IllegalArgumentException in one line, when the network is int8 already
   */
  public static Scales scales(
      Network<?, ?> network,
      int batch,
      Rows rows,
      String dataName,
      long seed,
      IntConsumer progress) {
    if (network.isQuantized()) {
      throw new IllegalArgumentException(
          "the model is int8 already: quantize the float32 model that it was made from");
    }
    network.device().attach();
    try (Calibration calibration = new Calibration(network, batch, rows)) {
      calibration.measure(progress);
      Quantization how =
          new Quantization(
              Quantization.INT8,
              dataName,
              calibration.rows.images(),
              calibration.rows.count(),
              seed);
      return new Scales(how, calibration.scales());
    }
  }

  private void measure(IntConsumer progress) {
    int batch = plan.batch();
    for (int first = 0; first < rows.count(); first += batch) {
      rows.fill(first);
      plan.condition();
      plan.forward();
      int used = Math.min(batch, rows.count() - first);
      windows.forEach(
          (input, window) -> {
            window.pull();
            MemorySegment values = window.memory();
            histograms.get(input).add(values, plan.count(input) / batch * used);
          });
      progress.accept((int) (100L * (first + used) / rows.count()));
    }
  }

  private Map<String, LayerScales> scales() {
    Map<String, LayerScales> scales = new LinkedHashMap<>();
    layers.forEach(
        (layer, inputs) -> {
          Parameter weight = network.graph().parameters().get(layer + ".weight");
          List<ValueHistogram> read = new ArrayList<>();
          inputs.forEach(input -> read.add(histograms.get(input)));
          ScaleSearch.ByteRange range = ScaleSearch.activations(read);
          float[] numbers = new float[Math.toIntExact(weight.size())];
          network.values().copy(weight, MemorySegment.ofArray(numbers));
          float[] perChannel = ScaleSearch.weights(numbers, weight.shape().getFirst());
          scales.put(layer, new LayerScales(range.scale(), range.zeroPoint(), perChannel));
        });
    return scales;
  }

  @Override
  public void close() {
    owned.close();
  }
}
