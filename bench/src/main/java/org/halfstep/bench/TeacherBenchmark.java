package org.halfstep.bench;

import java.io.IOException;
import java.util.concurrent.TimeUnit;
import org.halfstep.image.ImageBatch;
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
 * A guided request to the bundled teacher, from request to pixels: two network evaluations per
 * step. It takes seconds, so each one is an iteration; a few steps warm it up.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
public class TeacherBenchmark {
  private static final int WARM_UP_STEPS = 8;

  @Param({"256", "64", "16"})
  public int steps;

  @Param({"1", "16"})
  public int batch;

  private Sampling sampling;

  @Setup(Level.Trial)
  public void open() throws IOException {
    sampling = new Sampling("fashion-mnist-teacher", steps, batch);
    sampling.warmUp(WARM_UP_STEPS);
  }

  @Benchmark
  public ImageBatch sample() {
    return sampling.run();
  }

  @TearDown(Level.Trial)
  public void close() {
    sampling.close();
  }
}
