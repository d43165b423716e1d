package org.halfstep.bench;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.halfstep.device.Convolution;
import org.halfstep.device.ConvolutionAlgorithm;
import org.halfstep.device.ConvolutionRequest;
import org.halfstep.device.ConvolutionShape;
import org.halfstep.device.DataType;
import org.halfstep.device.Launch;
import org.halfstep.device.Operations;
import org.halfstep.device.Slab;
import org.halfstep.device.WeightChoice;
import org.halfstep.device.WeightForm;
import org.halfstep.device.cpu.CpuDevice;

/**
 * 3x3 and 1x1 convolutions of many shapes by each algorithm: what the rules that choose one go by.
 * Prints tables of direct-equivalent GFLOP/s, the best of several interleaved rounds, for each
 * pass.
 *
 * <p>Weights are taken from memory of their own in every run of a batch of one, as inside a network
 * whose weights do not fit into the cache. With one thread the processor time of the thread counts,
 * which other work on the machine disturbs least.
 */
public final class ConvolutionTable {
  /**
   * A way to compute and what it is called in a table.
   *
   * @param stored null for weights that are packed in float32, transformed, for all passes; else
   *     how they are stored, for the forward pass with weights packed as they are
   */
  private record Column(ConvolutionAlgorithm algorithm, DataType stored, String name) {
    Column(ConvolutionAlgorithm algorithm, String name) {
      this(algorithm, null, name);
    }

    ConvolutionRequest request(ConvolutionShape shape) {
      ConvolutionRequest plain = ConvolutionRequest.plain(shape, DataType.F32, stored == null);
      return stored == null
          ? plain
          : new ConvolutionRequest(
              shape,
              plain.channels0(),
              plain.type(),
              false,
              new WeightChoice(algorithm, form(shape), stored, 0, 0, 0),
              null,
              plain.epilogue());
    }

    private static WeightForm form(ConvolutionShape shape) {
      return shape.kernel() > 1 ? WeightForm.TAPS : WeightForm.PACKED;
    }
  }

  private static final String[] PASSES = {"forward", "data", "weights"};
  private static final int ROUNDS = 5;

  /** Copies of the weights are made until they take so many bytes together. */
  private static final long COLD_BYTES = 96L << 20;

  /**
   * The shapes of one table.
   *
   * @param shapes sides of the images, then input and output channels
   */
  private record Table(int kernel, List<Column> columns, int[][] shapes, int[] batches) {}

  private static final Table SQUARE =
      new Table(
          3,
          List.of(
              new Column(ConvolutionAlgorithm.DIRECT, "direct"),
              new Column(ConvolutionAlgorithm.WINOGRAD2, "F(2x2)"),
              new Column(ConvolutionAlgorithm.WINOGRAD4, "F(4x4)"),
              new Column(ConvolutionAlgorithm.WINOGRAD2, DataType.F16, "2x2 taps"),
              new Column(ConvolutionAlgorithm.WINOGRAD4, DataType.F16, "4x4 taps")),
          new int[][] {
            {32, 64, 64},
            {32, 128, 64},
            {28, 32, 32},
            {16, 128, 128},
            {14, 64, 64},
            {8, 128, 128},
            {8, 256, 256},
            {8, 768, 768},
            {7, 128, 128},
            {4, 256, 256},
            {2, 256, 256},
            {16, 576, 576},
            {64, 192, 192},
            {8, 1280, 1280},
            {16, 1280, 1280},
            {32, 640, 640},
          },
          new int[] {1, 8});

  /** Skip connections and attention of UNets, then linear layers. */
  private static final Table POINTWISE =
      new Table(
          1,
          List.of(
              new Column(ConvolutionAlgorithm.DIRECT, "oneDNN"),
              new Column(ConvolutionAlgorithm.WINOGRAD4, "ours"),
              new Column(ConvolutionAlgorithm.WINOGRAD4, DataType.F16, "of f16")),
          new int[][] {
            {32, 128, 64},
            {32, 192, 64},
            {28, 64, 32},
            {16, 128, 128},
            {16, 128, 384},
            {16, 256, 128},
            {16, 32, 32},
            {16, 16, 16},
            {16, 48, 80},
            {14, 96, 64},
            {8, 128, 384},
            {8, 256, 256},
            {8, 256, 768},
            {7, 64, 192},
            {8, 768, 2304},
            {4, 512, 256},
            {16, 576, 1728},
            {32, 384, 1152},
            {64, 384, 192},
            {1, 256, 256},
            {1, 256, 4096},
            {1, 768, 12288},
            {64, 320, 2560},
            {16, 1280, 1280},
          },
          new int[] {1, 32});

  private final int threads;
  private final double seconds;
  private final ThreadMXBean clock = ManagementFactory.getThreadMXBean();

  private ConvolutionTable(int threads, double seconds) {
    this.threads = threads;
    this.seconds = seconds;
  }

  public static void main(String[] arguments) {
    if (arguments.length < 2 || arguments.length > 3) {
      throw new IllegalArgumentException(
          "usage: ConvolutionTable THREADS SECONDS_PER_SHAPE [KERNEL: 1 or 3]");
    }
    ConvolutionTable bench =
        new ConvolutionTable(Integer.parseInt(arguments[0]), Double.parseDouble(arguments[1]));
    for (Table table : List.of(SQUARE, POINTWISE)) {
      if (arguments.length == 2 || Integer.parseInt(arguments[2]) == table.kernel) {
        bench.run(table);
      }
    }
  }

  private void run(Table table) {
    System.out.printf("%-28s %-8s", table.kernel + "x" + table.kernel, "pass");
    table.columns.forEach(column -> System.out.printf(" %10s", column.name));
    System.out.println("   chosen");
    for (int[] shape : table.shapes) {
      for (int batch : table.batches) {
        int padding = table.kernel / 2;
        measure(
            table,
            ConvolutionShape.of(
                batch, shape[0], shape[0], shape[1], shape[2], table.kernel, 1, padding));
      }
    }
  }

  private void measure(Table table, ConvolutionShape shape) {
    int columns = table.columns.size();
    List<Bound> bound = new ArrayList<>();
    try {
      table.columns.forEach(column -> bound.add(new Bound(shape, column)));
      double[][] best = new double[PASSES.length][columns];
      double slice = seconds / (ROUNDS * PASSES.length * columns);
      for (int round = 0; round < ROUNDS; round++) {
        for (int pass = 0; pass < PASSES.length; pass++) {
          for (int i = 0; i < columns; i++) {
            List<Launch> launches = bound.get(i).launches.get(pass);
            if (!launches.isEmpty()) {
              best[pass][i] = Math.max(best[pass][i], shape.flops() / fastest(launches, slice));
            }
          }
        }
      }
      String name =
          String.format(
              Locale.ROOT,
              "%d x %dx%d, %d to %d",
              shape.batch(),
              shape.height(),
              shape.width(),
              shape.inputChannels(),
              shape.outputChannels());
      for (int pass = 0; pass < PASSES.length; pass++) {
        System.out.printf("%-28s %-8s", name, PASSES[pass]);
        for (double speed : best[pass]) {
          System.out.printf(Locale.ROOT, speed == 0 ? " %10s" : " %10.1f", speed == 0 ? "" : speed);
        }
        System.out.println("   " + chosen(shape));
      }
    } finally {
      bound.forEach(Bound::close);
    }
  }

  /** What the rule says: recognised by the size of the packed weights. */
  private static String chosen(ConvolutionShape shape) {
    long channels = (long) Float.BYTES * shape.inputChannels() * shape.outputChannels();
    try (CpuDevice device = new CpuDevice();
        Operations operations = device.operations()) {
      Convolution chosen =
          operations.convolution(ConvolutionRequest.plain(shape, DataType.F32, false));
      if (!chosen.taken().contains(ConvolutionRequest.Part.MOMENTS)) {
        return shape.kernel() == 1 ? "oneDNN" : "direct";
      }
      if (shape.kernel() == 1) {
        return "ours";
      }
      long packed = chosen.packedForwardBytes();
      return packed == 36 * channels ? "F(4x4)" : "F(2x2)";
    }
  }

  private long now() {
    return threads == 1 ? clock.getCurrentThreadCpuTime() : System.nanoTime();
  }

  private double fastest(List<Launch> launches, double budget) {
    long end = System.nanoTime() + (long) (budget * 1e9);
    long best = Long.MAX_VALUE;
    int next = 0;
    do {
      long start = now();
      launches.get(next).run();
      best = Math.min(best, now() - start);
      next = (next + 1) % launches.size();
    } while (System.nanoTime() < end || next < Math.min(3, launches.size() - 1));
    return best;
  }

  /** One shape and algorithm with its memory. */
  private final class Bound implements AutoCloseable {
    final List<List<Launch>> launches =
        List.of(new ArrayList<>(), new ArrayList<>(), new ArrayList<>());
    private final CpuDevice device;
    private final Operations operations;
    private final List<Slab> slabs = new ArrayList<>();

    Bound(ConvolutionShape shape, Column column) {
      device = new CpuDevice(threads, column.algorithm);
      operations = device.operations();
      Convolution convolution = operations.convolution(column.request(shape));
      boolean training = column.stored == null;
      long pixels = (long) Float.BYTES * shape.batch() * shape.height() * shape.width();
      long stored =
          (long) Float.BYTES
              * shape.window().taps()
              * shape.inputChannels()
              * shape.outputChannels();
      long x = memory(pixels * shape.inputChannels());
      long y = memory(pixels * shape.outputChannels());
      long weight = memory(stored);
      long bias = memory((long) Float.BYTES * shape.outputChannels());
      long scratch =
          memory(
              Math.max(
                  convolution.forwardScratchBytes(),
                  Math.max(
                      convolution.backwardDataScratchBytes(),
                      convolution.backwardWeightsScratchBytes())));
      long packedBytes = Math.max(convolution.packedForwardBytes(), stored);
      long copies = shape.batch() == 1 ? Math.clamp(COLD_BYTES / packedBytes, 1, 64) : 1;
      for (int copy = 0; copy < copies; copy++) {
        long forward = packed(weight, convolution.packedForwardBytes(), convolution::packForward);
        launches.get(0).add(convolution.forward(x, forward, bias, 0, y, scratch));
        if (training) {
          long backward =
              packed(weight, convolution.packedBackwardBytes(), convolution::packBackward);
          launches.get(1).add(convolution.backwardData(y, backward, x, scratch));
        }
      }
      if (!training) {
        return;
      }
      long gradient = memory(Math.max(convolution.packedGradientBytes(), stored));
      launches.get(2).add(convolution.backwardWeights(x, y, gradient, bias, scratch));
    }

    private interface Packing {
      Launch bind(long stored, long packed);
    }

    private long packed(long weight, long bytes, Packing packing) {
      if (bytes == 0) {
        return weight;
      }
      long packed = memory(bytes);
      packing.bind(weight, packed).run();
      return packed;
    }

    private long memory(long bytes) {
      Slab slab = device.allocate("convolution", Math.max(bytes, 1));
      slabs.add(slab);
      return slab.address();
    }

    @Override
    public void close() {
      operations.close();
      slabs.forEach(Slab::close);
      device.close();
    }
  }
}
