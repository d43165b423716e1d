package org.halfstep.bench;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.halfstep.device.Convolution;
import org.halfstep.device.ConvolutionAlgorithm;
import org.halfstep.device.ConvolutionShape;
import org.halfstep.device.DataType;
import org.halfstep.device.Launch;
import org.halfstep.device.Operations;
import org.halfstep.device.Slab;
import org.halfstep.device.cpu.CpuDevice;

/**
 * 3x3 convolutions of many shapes by each algorithm: what the rule that chooses one goes by. Prints
 * a table of direct-equivalent GFLOP/s, the best of several interleaved rounds, for each pass.
 *
 * <p>Weights are taken from memory of their own in every run of a batch of one, as inside a network
 * whose weights do not fit into the cache. With one thread the processor time of the thread counts,
 * which other work on the machine disturbs least.
 */
public final class ConvolutionTable {
  private static final ConvolutionAlgorithm[] ALGORITHMS = {
    ConvolutionAlgorithm.DIRECT, ConvolutionAlgorithm.WINOGRAD2, ConvolutionAlgorithm.WINOGRAD4
  };
  private static final String[] PASSES = {"forward", "data", "weights"};
  private static final int ROUNDS = 5;

  /** Copies of the weights are made until they take so many bytes together. */
  private static final long COLD_BYTES = 96L << 20;

  /** Sides of the images, then input and output channels. */
  private static final int[][] SHAPES = {
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
  };

  private final int threads;
  private final double seconds;
  private final ThreadMXBean clock = ManagementFactory.getThreadMXBean();

  private ConvolutionTable(int threads, double seconds) {
    this.threads = threads;
    this.seconds = seconds;
  }

  public static void main(String[] arguments) {
    if (arguments.length != 2) {
      throw new IllegalArgumentException("usage: ConvolutionTable THREADS SECONDS_PER_SHAPE");
    }
    new ConvolutionTable(Integer.parseInt(arguments[0]), Double.parseDouble(arguments[1])).run();
  }

  private void run() {
    System.out.printf(
        "%-28s %-8s %10s %10s %10s   chosen%n", "shape", "pass", "direct", "F(2x2)", "F(4x4)");
    for (int[] shape : SHAPES) {
      for (int batch : new int[] {1, 8}) {
        measure(ConvolutionShape.of(batch, shape[0], shape[0], shape[1], shape[2], 3, 1, 1));
      }
    }
  }

  private void measure(ConvolutionShape shape) {
    Map<ConvolutionAlgorithm, Bound> bound = new EnumMap<>(ConvolutionAlgorithm.class);
    try {
      for (ConvolutionAlgorithm algorithm : ALGORITHMS) {
        bound.put(algorithm, new Bound(shape, algorithm));
      }
      double[][] best = new double[PASSES.length][ALGORITHMS.length];
      double slice = seconds / (ROUNDS * PASSES.length * ALGORITHMS.length);
      for (int round = 0; round < ROUNDS; round++) {
        for (int pass = 0; pass < PASSES.length; pass++) {
          for (int i = 0; i < ALGORITHMS.length; i++) {
            double speed =
                shape.flops() / fastest(bound.get(ALGORITHMS[i]).launches.get(pass), slice);
            best[pass][i] = Math.max(best[pass][i], speed);
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
        System.out.printf(
            Locale.ROOT,
            "%-28s %-8s %10.1f %10.1f %10.1f   %s%n",
            name,
            PASSES[pass],
            best[pass][0],
            best[pass][1],
            best[pass][2],
            chosen(shape));
      }
    } finally {
      bound.values().forEach(Bound::close);
    }
  }

  /** What the rule says: recognised by the size of the packed weights. */
  private static String chosen(ConvolutionShape shape) {
    long channels = (long) Float.BYTES * shape.inputChannels() * shape.outputChannels();
    try (CpuDevice device = new CpuDevice();
        Operations operations = device.operations()) {
      if (!operations.fusesNorm(shape, shape.inputChannels(), DataType.F32)) {
        return "direct";
      }
      long packed = operations.convolution(shape, DataType.F32, false).packedForwardBytes();
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

    Bound(ConvolutionShape shape, ConvolutionAlgorithm algorithm) {
      device = new CpuDevice(threads, algorithm);
      operations = device.operations();
      Convolution convolution = operations.convolution(shape, DataType.F32, true);
      long pixels = (long) Float.BYTES * shape.batch() * shape.height() * shape.width();
      long stored = 9L * Float.BYTES * shape.inputChannels() * shape.outputChannels();
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
        long backward =
            packed(weight, convolution.packedBackwardBytes(), convolution::packBackward);
        launches.get(0).add(convolution.forward(x, forward, bias, 0, y, scratch));
        launches.get(1).add(convolution.backwardData(y, backward, x, scratch));
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
