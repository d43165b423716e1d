package org.halfstep.bench;

import java.io.IOException;
import java.util.concurrent.TimeUnit;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
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

/** Training of network S: a whole step (forward, backward, Adam), and the two passes alone. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
public class TrainingBenchmark {
  @Param("32")
  public int batch;

  private Device device;
  private TrainingStep step;

  @Setup(Level.Trial)
  public void open() throws IOException {
    device = new CpuDevice();
    step = new TrainingStep(device, PeerNetwork.S, batch, DataType.F32);
    // Leaves a gradient of the output for the backward pass alone.
    step.run();
  }

  @Benchmark
  public void step() {
    step.run();
  }

  @Benchmark
  public void forward() {
    step.plan().forward();
  }

  @Benchmark
  public void backward() {
    step.plan().backward();
  }

  @TearDown(Level.Trial)
  public void close() {
    step.close();
    device.close();
  }
}
