package org.halfstep.cli.console;

import java.util.concurrent.CountDownLatch;
import java.util.function.BooleanSupplier;

/**
 * Lets a run end in order on Ctrl-C or SIGTERM: while this is open, the JVM's shutdown waits until
 * the run has seen the signal, written its checkpoint and closed this. The JVM then exits with 128
 * and the signal's number.
 */
public final class StopSignal implements BooleanSupplier, AutoCloseable {
  private final CountDownLatch finished = new CountDownLatch(1);
  private final Thread hook;
  private volatile boolean stopping;

  /**
   * @param onStop called once when the signal arrives, on another thread
   */
  public StopSignal(Runnable onStop) {
    hook =
        new Thread(
            () -> {
              stopping = true;
              onStop.run();
              try {
                finished.await();
              } catch (InterruptedException impatient) {
                Thread.currentThread().interrupt();
              }
            },
            "stop");
    Runtime.getRuntime().addShutdownHook(hook);
  }

  /** Whether the run is to end. */
  @Override
  public boolean getAsBoolean() {
    return stopping;
  }

  @Override
  public void close() {
    finished.countDown();
    if (!stopping) {
      try {
        Runtime.getRuntime().removeShutdownHook(hook);
      } catch (IllegalStateException shuttingDown) {
        // The signal came just now: the hook runs, and no longer waits.
      }
    }
  }
}
