package org.halfstep.device.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.OptionalLong;
import org.halfstep.device.CpuOptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AvailableMemoryTest {
  private static final long MIB = 1 << 20;

  @TempDir Path root;

  private void write(String file, String text) throws IOException {
    Path path = root.resolve(file);
    Files.createDirectories(path.getParent());
    Files.writeString(path, text + "\n");
  }

  private OptionalLong available() {
    return new AvailableMemory(root).bytes();
  }

  private void machine(long mebibytes) throws IOException {
    write(
        "proc/meminfo",
        "MemTotal:       99999999 kB\nMemFree: 1 kB\nMemAvailable:   " + mebibytes * 1024 + " kB");
  }

  @Test
  void nothingIsKnown() {
    assertEquals(OptionalLong.empty(), available());
  }

  @Test
  void theMachineIsTheLimit() throws IOException {
    machine(512);
    assertEquals(OptionalLong.of(512 * MIB), available());
    write("proc/self/cgroup", "0::/");
    write("sys/fs/cgroup/memory.max", "max");
    write("sys/fs/cgroup/memory.current", "1");
    assertEquals(OptionalLong.of(512 * MIB), available());
  }

  @Test
  void aGroupAboveIsTheLimit() throws IOException {
    machine(512);
    write("proc/self/cgroup", "0::/pod/container");
    write("sys/fs/cgroup/pod/memory.max", Long.toString(400 * MIB));
    write("sys/fs/cgroup/pod/memory.current", Long.toString(300 * MIB));
    write("sys/fs/cgroup/pod/memory.stat", "anon 5\ninactive_file " + 50 * MIB);
    write("sys/fs/cgroup/pod/container/memory.max", "max");
    assertEquals(OptionalLong.of(150 * MIB), available());
  }

  @Test
  void groupsOfTheFirstKindCount() throws IOException {
    machine(512);
    write("proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/try\n0::/");
    write("sys/fs/cgroup/memory/try/memory.limit_in_bytes", Long.toString(400 * MIB));
    write("sys/fs/cgroup/memory/try/memory.usage_in_bytes", Long.toString(500 * MIB));
    assertEquals(OptionalLong.of(0), available());
    write("sys/fs/cgroup/memory/try/memory.usage_in_bytes", Long.toString(100 * MIB));
    assertEquals(OptionalLong.of(300 * MIB), available());
  }

  /** The Java heap and libraries need some too: a group that is filled kills the process. */
  @Test
  void tensorsDoNotGetAllOfIt() throws IOException {
    assertEquals(OptionalLong.empty(), new AvailableMemory(root).forTensors());
    machine(400);
    assertEquals(OptionalLong.of(368 * MIB), new AvailableMemory(root).forTensors());
    machine(20);
    assertEquals(OptionalLong.of(0), new AvailableMemory(root).forTensors());
  }

  @Test
  void moreThanThereIsCannotBeAllocated() {
    try (CpuDevice device = new CpuDevice(1)) {
      long machine = device.availableMemory().orElseThrow();
      assertTrue(machine > 0);
      OutOfMemoryError refused =
          assertThrows(
              OutOfMemoryError.class,
              () -> device.allocate("plan of batch 7", machine + (64L << 30)));
      assertTrue(refused.getMessage().startsWith("plan of batch 7 needs "), refused.getMessage());
      assertTrue(refused.getMessage().contains("smaller batch"), refused.getMessage());
    }
  }

  @Test
  void threadsAreThoseOfTheEnvironmentElseOnePerProcessor() {
    assertEquals(3, CpuThreads.of(Map.of(), 3));
    assertEquals(3, CpuThreads.of(Map.of("OMP_NUM_THREADS", " "), 3));
    assertEquals(8, CpuThreads.of(Map.of("OMP_NUM_THREADS", "8"), 3));
    assertEquals(4, CpuThreads.of(Map.of("OMP_NUM_THREADS", "4,2"), 3));
    assertEquals(CpuOptions.MOST_THREADS, CpuThreads.of(Map.of(), 5000));
    for (String wrong : new String[] {"30000", "0", "-1", "many", "99999999999"}) {
      String message =
          assertThrows(
                  IllegalArgumentException.class,
                  () -> CpuThreads.of(Map.of("OMP_NUM_THREADS", wrong), 3))
              .getMessage();
      assertTrue(message.contains("OMP_NUM_THREADS") && message.contains(wrong), message);
    }
    assertThrows(IllegalArgumentException.class, () -> new CpuDevice(8000));
  }
}
