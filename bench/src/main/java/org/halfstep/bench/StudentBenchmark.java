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

/** A request to a bundled student, from request to pixels. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
public class StudentBenchmark {
  @Param({"fashion-mnist-8", "fashion-mnist-4", "fashion-mnist-2", "fashion-mnist-1"})
  public String model;

  @Param({"1", "16"})
  public int batch;

  private Sampling sampling;

  @Setup(Level.Trial)
  public void open() throws IOException {
    sampling = new Sampling(model, 0, batch);
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
