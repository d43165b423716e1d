package org.halfstep.cli.console;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.function.BooleanSupplier;
import org.halfstep.train.RunListener;

/** A run that shows its progress and that Ctrl-C ends after a checkpoint. */
public final class StoppableRun {
  /** Trains until done or asked to stop; returns whether it is done. */
  @FunctionalInterface
  public interface Work {
    boolean run(RunListener listener, BooleanSupplier stop) throws IOException;
  }

  private StoppableRun() {}

  /**
   * Runs it.
   *
   * @param folder where its checkpoints are
   * @param updates of all its phases
   * @return the command's exit code
   */
  public static int run(PrintWriter out, Path folder, long updates, Work work) throws IOException {
    return run(out, folder, updates, Watch.NONE, work);
  }

  /**
   * Runs it.
   *
   * @param folder where its checkpoints are
   * @param updates of all its phases
   * @param watch what is looked at of it
   * @return the command's exit code
   */
  public static int run(PrintWriter out, Path folder, long updates, Watch watch, Work work)
      throws IOException {
    try (StopSignal stop = new StopSignal(() -> announceStop(out));
        RunDisplay display = new RunDisplay(out, updates, watch)) {
      boolean finished = work.run(display, stop);
      display.finish();
      if (!finished) {
        out.println("stopped after a checkpoint in " + folder + "; the same command continues");
        out.flush();
        return ErrorLine.INTERRUPTED;
      }
    }
    return 0;
  }

  private static void announceStop(PrintWriter out) {
    out.println();
    out.println("stopping after a checkpoint");
    out.flush();
  }
}
