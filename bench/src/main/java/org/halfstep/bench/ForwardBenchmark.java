package org.halfstep.bench;

import java.io.IOException;
import java.util.concurrent.TimeUnit;
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

/** One network evaluation by an inference plan. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
public class ForwardBenchmark {
  /** Network and batch. */
  @Param({"S x 1", "S x 8", "S x 64", "M x 1", "M x 8"})
  public String network;

  private Device device;
  private ForwardPass pass;

  @Setup(Level.Trial)
  public void open() throws IOException {
    String[] parts = network.split(" x ");
    device = new CpuDevice();
    pass = new ForwardPass(device, PeerNetwork.valueOf(parts[0]), Integer.parseInt(parts[1]));
  }

  @Benchmark
  public void forward() {
    pass.run();
  }

  @TearDown(Level.Trial)
  public void close() {
    pass.close();
    device.close();
  }
}
