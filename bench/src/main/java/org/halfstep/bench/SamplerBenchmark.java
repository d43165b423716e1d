package org.halfstep.bench;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.SampleRequest;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * Sixteen images from noise to the end, by each bundled model in its own way: the teacher guided,
 * in 256 steps.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
public class SamplerBenchmark {
  private static final int IMAGES = 16;
  private static final long SEED = 1;

  @Param({
    "fashion-mnist-teacher",
    "fashion-mnist-8",
    "fashion-mnist-4",
    "fashion-mnist-2",
    "fashion-mnist-1"
  })
  public String model;

  private DiffusionModel opened;
  private SampleRequest request;
  private Arena arena;
  private MemorySegment images;

  @Setup(Level.Trial)
  public void open() throws IOException {
    opened = DiffusionModel.bundled(model);
    int classes = opened.network().config().numClasses();
    request =
        opened.request(IntStream.range(0, IMAGES).map(i -> i % classes).toArray()).withSeed(SEED);
    arena = Arena.ofShared();
    images = arena.allocate((long) Float.BYTES * IMAGES * opened.imageValues());
  }

  @Benchmark
  public void sample() {
    opened.sample(request, images);
  }

  @TearDown(Level.Trial)
  public void close() {
    opened.close();
    arena.close();
  }
}
