package org.halfstep.cli.console;

import java.io.Console;
import picocli.CommandLine.Model.UsageMessageSpec;

/** The terminal that a command shows its progress on, if there is one. */
final class Terminal {
  private static final int NARROWEST = 40;

  private Terminal() {}

  static boolean isThere() {
    Console console = System.console();
    return console != null && console.isTerminal();
  }

  /** Columns for a line that is drawn again and again: a longer one would wrap, and pile up. */
  static int columns(int most) {
    // One column stays free: some terminals wrap when the last one is written.
    int width = new UsageMessageSpec().autoWidth(true).width() - 1;
    return Math.clamp(width, NARROWEST, most);
  }
}
