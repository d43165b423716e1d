package org.halfstep.cli;

import static org.halfstep.cli.Commands.succeeds;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

/** What commands say of themselves. */
class HelpTest {
  @Test
  void helpIsACommandAndItsOwnOptionsComeFirst() {
    String help = succeeds("help", "sample");
    assertTrue(help.contains("halfstep sample"), help);
    String options = help.substring(help.indexOf("Options:"));
    assertTrue(options.indexOf("--labels=") < options.indexOf("--attention="), help);
    assertTrue(succeeds("help").contains("train-classifier"));
  }

  @Test
  void examplesAreNotBroken() {
    for (String command :
        new String[] {"demo", "train", "distill", "sample", "evaluate", "quantize", "convert"}) {
      String help = succeeds(command, "--help");
      String example = help.substring(help.indexOf("Example:"));
      example
          .lines()
          .forEach(
              line ->
                  assertTrue(
                      line.isBlank() || line.length() <= 80 && !line.endsWith("-"),
                      command + ": " + line));
    }
  }

  @Test
  void everyCommandShowsAnExample() {
    for (String command : new String[] {"demo", "train", "distill", "sample", "info", "bench"}) {
      String out = succeeds(command, "--help");
      assertTrue(out.contains("Example:"), command);
      assertTrue(out.contains("  halfstep " + command), command);
    }
  }
}
