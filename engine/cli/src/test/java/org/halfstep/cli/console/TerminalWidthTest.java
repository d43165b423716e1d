package org.halfstep.cli.console;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Progress fits a terminal's line: a longer one would wrap, and push everything else away. */
class TerminalWidthTest {
  @TempDir Path folder;

  /** What is drawn in a terminal of so many columns, as {@code script} (util-linux) makes one. */
  private List<String> drawn(int columns) throws IOException, InterruptedException {
    Assumptions.assumeTrue(Files.isExecutable(Path.of("/usr/bin/script")), "needs script");
    Path arguments =
        Files.writeString(
            folder.resolve("arguments"),
            "-cp\n\"" + System.getProperty("java.class.path") + "\"\n");
    String command =
        "stty rows 24 cols "
            + columns
            + "; exec '"
            + System.getProperty("java.home")
            + "/bin/java' -Xshare:auto -XX:TieredStopAtLevel=1 '@"
            + arguments
            + "' "
            + ProgressOnTerminal.class.getName();
    Path seen = folder.resolve("seen");
    Process script =
        new ProcessBuilder("script", "-q", "-e", "-c", command, "/dev/null")
            .redirectInput(Path.of("/dev/null").toFile())
            .redirectErrorStream(true)
            .redirectOutput(seen.toFile())
            .start();
    assertTrue(script.waitFor(2, TimeUnit.MINUTES));
    String text = Files.readString(seen);
    assertTrue(script.exitValue() == 0, text);
    return Arrays.stream(text.split("[\r\n]+"))
        .map(line -> line.replaceAll("\u001b\\[[0-9;]*[A-Za-z]", ""))
        .filter(line -> !line.isEmpty())
        .toList();
  }

  @ParameterizedTest
  @ValueSource(ints = {60, 80, 200})
  void aBarIsNoLongerThanTheLine(int columns) throws Exception {
    List<String> lines = drawn(columns);
    for (String line : lines) {
      assertTrue(line.length() < columns, line.length() + ": " + line);
    }
    List<String> bars = lines.stream().filter(line -> line.contains("%")).toList();
    assertTrue(bars.size() >= 2, lines.toString());
    String ofRun =
        bars.stream().filter(line -> line.startsWith("halving")).reduce((_, last) -> last).get();
    assertTrue(ofRun.contains("100%"), ofRun);
    // The loss is what a run is looked at for.
    assertTrue(ofRun.contains("loss 0.5000"), ofRun);
  }
}
