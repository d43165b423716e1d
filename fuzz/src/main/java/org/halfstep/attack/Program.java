package org.halfstep.attack;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;

/** The command line as a person starts it: a process of its own, in a folder of the attack's. */
final class Program {
  private static final long MOST_SECONDS = 300;
  private static final int FIRST_SIGNAL_CODE = 128;
  private static final Pattern OF_JAVA =
      Pattern.compile(
          "Exception|\\bat [a-z]+\\.|java\\.|StackOverflow|(?<![/='])\\bnull\\b|@[0-9a-f]{6}");

  /** What a command that has ended said. */
  record Ended(int code, String out, String err, boolean hung) {
    /**
     * What is wrong with a command that had to fail: it must say so in one line of its own words.
     */
    Optional<String> unlessRefused() {
      return code == 0 && !hung ? Optional.of("was accepted") : unlessInWords();
    }

    /** What is wrong with a command that may fail or not. */
    Optional<String> unlessInWords() {
      String line = err.strip();
      if (hung) {
        return Optional.of("took more than " + MOST_SECONDS + " s");
      }
      if (code == 0) {
        return Optional.empty();
      }
      if (code >= FIRST_SIGNAL_CODE) {
        return Optional.of("died with " + code + " (" + shortened(line) + ")");
      }
      if (!line.startsWith("halfstep: ") || line.lines().count() != 1) {
        return Optional.of("said " + line.lines().count() + " lines: " + shortened(line));
      }
      return OF_JAVA.matcher(line).find()
          ? Optional.of("spoke Java: " + shortened(line))
          : Optional.empty();
    }

    /** What is wrong with a command that was asked to stop: it may not speak Java. */
    Optional<String> unlessStopped() {
      // Of a JVM that is stopped while it starts: nothing of ours has run yet.
      String own = err.replaceAll("(?m)^Runtime\\.exit\\(\\d+\\) logging failed: .*$", "").strip();
      return OF_JAVA.matcher(own).find()
          ? Optional.of("spoke Java: " + shortened(own))
          : Optional.empty();
    }

    /** What is wrong with a command that had to work. */
    Optional<String> unlessDone() {
      return hung || code != 0
          ? Optional.of("ended with " + code + ": " + shortened(err.strip()))
          : Optional.empty();
    }

    private static String shortened(String text) {
      String line = String.join("; ", text.lines().toList());
      return line.length() > 300 ? line.substring(0, 300) + "…" : line;
    }
  }

  private final Path launcher;
  private final Path folder;

  /**
   * @param launcher bin/halfstep
   * @param folder that commands are started in
   */
  Program(Path launcher, Path folder) {
    this.launcher = launcher.toAbsolutePath();
    this.folder = folder;
  }

  /** The same in another folder. */
  Program in(Path other) {
    return new Program(launcher, other);
  }

  /** Starts a command; what it says goes into files beside its folder. */
  Process start(String... arguments) throws IOException {
    return begin(List.of(launcher.toString()), arguments);
  }

  /** The same in a control group. */
  Process startIn(Path group, String... arguments) throws IOException {
    String enter = "echo $$ > " + group.resolve("cgroup.procs") + " && exec \"$@\"";
    return begin(List.of("sh", "-c", enter, "sh", launcher.toString()), arguments);
  }

  private Process begin(List<String> first, String... arguments) throws IOException {
    List<String> command = new ArrayList<>(first);
    command.addAll(Arrays.asList(arguments));
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .directory(folder.toFile())
            .redirectOutput(folder.resolve("out.txt").toFile())
            .redirectError(folder.resolve("err.txt").toFile());
    // One number of threads throughout: many small networks, on a machine that does other work.
    builder.environment().put("OMP_NUM_THREADS", "1");
    return builder.start();
  }

  /** Runs a command to its end, or kills it after some minutes. */
  Ended run(String... arguments) throws IOException {
    return end(start(arguments));
  }

  /** Waits for a command's end. */
  Ended end(Process process) throws IOException {
    try {
      boolean ended = process.waitFor(MOST_SECONDS, TimeUnit.SECONDS);
      if (!ended) {
        process.destroyForcibly().waitFor();
      }
      return new Ended(
          process.exitValue(),
          Files.readString(folder.resolve("out.txt")),
          Files.readString(folder.resolve("err.txt")),
          !ended);
    } catch (InterruptedException stopped) {
      process.destroyForcibly();
      throw new IOException("interrupted", stopped);
    }
  }

  /** Runs what the attack itself needs. */
  void require(String... arguments) throws IOException {
    Ended ended = run(arguments);
    Optional<String> problem = ended.unlessDone();
    if (problem.isPresent()) {
      throw new IOException(String.join(" ", arguments) + " " + problem.get());
    }
  }
}
