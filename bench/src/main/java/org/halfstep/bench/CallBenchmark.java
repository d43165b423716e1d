package org.halfstep.bench;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.TimeUnit;
import org.halfstep.bindings.Kernel;
import org.halfstep.bindings.KernelLaunch;
import org.halfstep.bindings.Kernels;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.Launch;
import org.halfstep.device.Operations;
import org.halfstep.device.Slab;
import org.halfstep.device.cpu.CpuDevice;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** What it costs to enter native code: calls whose work takes no time. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class CallBenchmark {
  private Device device;
  private Operations operations;
  private Slab memory;
  private Launch addOne;
  private Arena arena;
  private KernelLaunch plainLaunch;

  @Setup(Level.Trial)
  public void open() {
    device = new CpuDevice();
    operations = device.operations();
    memory = device.allocate("three numbers", 3L * Float.BYTES);
    addOne =
        operations.add(
            memory.address(),
            memory.address() + Float.BYTES,
            memory.address() + 2 * Float.BYTES,
            1,
            DataType.F32);
    arena = Arena.ofConfined();
    MemorySegment a = arena.allocate(ValueLayout.JAVA_FLOAT);
    MemorySegment args =
        Kernel.ADD.struct().select("a b y count dtype").allocate(arena, a, a, a, 1, Kernels.HS_F32);
    plainLaunch = Kernels.cpu().launch(Kernel.ADD, MemorySegment.NULL, args);
  }

  /** A function without arguments. */
  @Benchmark
  public int plainCall() {
    return Kernels.cpu().hs_thread_count();
  }

  /** A kernel that adds one element, its status checked. */
  @Benchmark
  public void kernelCall() {
    plainLaunch.run();
  }

  /** The same kernel as a plan runs it. */
  @Benchmark
  public void launch() {
    addOne.run();
  }

  @TearDown(Level.Trial)
  public void close() {
    operations.close();
    memory.close();
    device.close();
    arena.close();
  }
}
