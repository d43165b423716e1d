package org.halfstep.sample;

import java.util.concurrent.CancellationException;

/**
 * Stops the requests that it was passed to, from any thread: on a CPU before the next network
 * evaluation, on a GPU, which runs all steps of a batch in one go, before the next batch.
 * Interrupting the thread that samples does the same. A request that was stopped fails with {@link
 * CancellationException}; the model is as good as before.
 */
public final class Cancellation {
  private volatile boolean cancelled;

  /** Stops what is running with this now, and whatever is started with it later. */
  public void cancel() {
    cancelled = true;
  }

  /** Whether {@link #cancel} was called. */
  public boolean isCancelled() {
    return cancelled;
  }

  /**
   * Fails when this was cancelled or the thread interrupted; it stays interrupted.
   *
   * @throws CancellationException in both cases
   */
  void check() {
    if (cancelled || Thread.currentThread().isInterrupted()) {
      throw new CancellationException("sampling was stopped");
    }
  }
}
