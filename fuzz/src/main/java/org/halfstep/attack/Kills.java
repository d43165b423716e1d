package org.halfstep.attack;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * SIGKILL at random moments, and now and then a signal that asks. A run that was killed is started
 * again until it ends, and must end with the bits of one that was not; a result of a command that
 * was killed is whole or not there.
 */
final class Kills {

  /** The last of them end a process by their own means. */
  private static final List<String> SIGNALS = List.of("KILL", "KILL", "KILL", "INT", "TERM", "HUP");

  private static final long MOST_SECONDS = 60;

  private final Program program;
  private final Ground ground;
  private final Random random;

  Kills(Program program, Ground ground, long seed) {
    this.program = program;
    this.ground = ground;
    this.random = new Random(seed);
  }

  /** Kills runs, and commands that write one file, in turn. */
  void attack(int kills, Tally tally) throws IOException, InterruptedException {
    int ended = 0;
    for (int turn = 0; tally.tried() < kills; turn++) {
      int kind = turn % (ground.runs.kinds().size() + 1);
      if (kind < ground.runs.kinds().size()) {
        ended += run(ground.runs.kinds().get(kind), kills, tally);
      } else {
        commands(kills, tally);
      }
    }
    tally.note(ended + " runs went on to their end");
  }

  private int run(String command, int kills, Tally tally) throws IOException, InterruptedException {
    Map<String, String> whole = ground.runs.whole(command);
    Path out = ground.folder.resolve("killed");
    Ground.remove(out);
    long span = 4_000_000_000L;
    while (true) {
      long start = System.nanoTime();
      Process process = program.start(ground.runs.arguments(command, out));
      boolean over =
          process.waitFor(random.nextLong(100_000_000, span), TimeUnit.NANOSECONDS)
              || tally.tried() >= kills;
      if (over) {
        Program.Ended ended = program.end(process);
        Map<String, String> made = Runs.models(out);
        Optional<String> problem = ended.unlessDone();
        if (problem.isEmpty() && !made.equals(whole)) {
          problem = Optional.of("ended with other models than an undisturbed run");
        }
        if (problem.isEmpty() && !leftovers(out).isEmpty()) {
          problem = Optional.of("left " + leftovers(out));
        }
        problem.ifPresent(text -> tally.add(command + " after kills", Optional.of(text)));
        return 1;
      }
      Optional<String> said = end(process);
      // Some kills come late: the next one may come later still, so that every run ends some day.
      span += (System.nanoTime() - start) / 2;
      tally.add(command, said.or(() -> differing(modelsOf(out), whole)));
    }
  }

  /** Ends a process by some signal, and says what was wrong with how it ended. */
  private Optional<String> end(Process process) throws IOException, InterruptedException {
    String signal = SIGNALS.get(random.nextInt(SIGNALS.size()));
    if (signal.equals("KILL")) {
      process.destroyForcibly().waitFor();
      return Optional.empty();
    }
    new ProcessBuilder("kill", "-" + signal, Long.toString(process.pid())).start().waitFor();
    if (!process.waitFor(MOST_SECONDS, TimeUnit.SECONDS)) {
      process.destroyForcibly().waitFor();
      return Optional.of("went on for a minute after SIG" + signal);
    }
    return program.end(process).unlessStopped().map(text -> "after SIG" + signal + " it " + text);
  }

  private static Map<String, String> modelsOf(Path folder) {
    try {
      return Runs.models(folder);
    } catch (IOException unreadable) {
      throw new UncheckedIOException(unreadable);
    }
  }

  /** A model that is there is the one that an undisturbed run writes. */
  private static Optional<String> differing(Map<String, String> there, Map<String, String> whole) {
    return there.entrySet().stream()
        .filter(file -> !file.getValue().equals(whole.get(file.getKey())))
        .findFirst()
        .map(file -> file.getKey() + " is another one");
  }

  /** What should have been swept: files of the last minute may be somebody's. */
  private static List<String> leftovers(Path folder) throws IOException {
    Instant young = Instant.now().minusSeconds(90);
    try (Stream<Path> files = Files.walk(folder)) {
      return files
          .filter(file -> file.toFile().lastModified() < young.toEpochMilli())
          .map(file -> file.getFileName().toString())
          .filter(name -> name.contains("partial") || name.contains("tmp"))
          .toList();
    }
  }

  private void commands(int kills, Tally tally) throws IOException, InterruptedException {
    Path out = ground.folder.resolve("killed-commands");
    Ground.remove(out);
    Files.createDirectories(out);
    String model = ground.student.toString();
    Map<String, String[]> commands = new TreeMap<>();
    commands.put(
        "samples.npz",
        new String[] {"sample", "--model", model, "--count", "400", "--npz", "samples.npz"});
    commands.put(
        "grid.png",
        new String[] {"sample", "--model", model, "--count", "400", "--grid", "grid.png"});
    commands.put(
        "half.safetensors",
        new String[] {"convert", "--model", model, "--out", "half.safetensors"});
    String latent = ground.tiny.resolve("diffusers").toString();
    commands.put("latent", new String[] {"convert", "--model", latent, "--out", "latent"});
    commands.put(
        "latent.ckpt", new String[] {"convert", "--model", latent, "--out", "latent.ckpt"});
    commands.put(
        "foxes.png", ground.latentSample(Path.of(latent), "--count", "12", "--grid", "foxes.png"));
    commands.put(
        "edited.png",
        new String[] {
          "edit",
          "--model",
          latent,
          "--prompt",
          "a fox",
          "--image",
          ground.picture.toString(),
          "--steps",
          "20",
          "--grid",
          "edited.png"
        });
    Program here = program.in(out);
    for (Map.Entry<String, String[]> one : commands.entrySet()) {
      Path file = out.resolve(one.getKey());
      here.require(one.getValue());
      String whole = Ground.digest(file);
      // A folder is not replaced.
      boolean folder = Files.isDirectory(file);
      for (int i = 0; i < 8 && tally.tried() < kills; i++) {
        if (folder || random.nextBoolean()) {
          Ground.remove(file);
        }
        Process process = here.start(one.getValue());
        process.waitFor(random.nextLong(100_000_000, 2_500_000_000L), TimeUnit.NANOSECONDS);
        Optional<String> said = end(process);
        boolean good = !Files.exists(file) || Ground.digest(file).equals(whole);
        tally.add(
            String.join(" ", one.getValue()),
            good ? said : Optional.of(file.getFileName() + " is not whole"));
      }
      if (folder) {
        Ground.remove(file);
      }
      here.require(one.getValue());
      if (!leftovers(out).isEmpty()) {
        tally.add(one.getKey(), Optional.of("left " + leftovers(out)));
      }
    }
  }
}
