package org.halfstep.cli.console;

import java.io.PrintWriter;

/** A run of some updates, for {@link TerminalWidthTest} to look at in a terminal. */
final class ProgressOnTerminal {
  private static final int UPDATES = 14_400;

  private ProgressOnTerminal() {}

  public static void main(String[] arguments) {
    PrintWriter out = new PrintWriter(System.out, true);
    try (RunDisplay display = new RunDisplay(out, UPDATES)) {
      display.phase("halving to 512 steps", 0, UPDATES);
      for (int update = 1; update <= UPDATES; update++) {
        display.update(update, UPDATES, 0.5, 1e-4, 1);
      }
    }
    try (ImageProgress progress = new ImageProgress(out, "images", UPDATES)) {
      progress.add(UPDATES);
    }
  }
}
