package org.halfstep;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;

/** Counts what a piece of work allocates on the Java heap. */
public final class HeapAllocation {
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  private static final int ROUNDS = 60;
  private static final int RUNS = 4;

  private HeapAllocation() {}

  /**
   * Bytes that {@value #RUNS} warm runs allocate on this thread: the least over many rounds,
   * because the JVM itself allocates now and then while it links and compiles what is new to it.
   * Work that allocates on every run never has a round of zero.
   */
  public static long bytes(Runnable work) {
    long thread = Thread.currentThread().threadId();
    long least = Long.MAX_VALUE;
    for (int round = 0; round < ROUNDS && least > 0; round++) {
      long before = THREADS.getThreadAllocatedBytes(thread);
      for (int i = 0; i < RUNS; i++) {
        work.run();
      }
      least = Math.min(least, THREADS.getThreadAllocatedBytes(thread) - before);
    }
    return least;
  }
}
