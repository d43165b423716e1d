package org.halfstep.attack;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * A control group with little memory, as a container has: what does not fit is refused in a line,
 * and no command is killed. Needs the right to make a group, of version 1 or 2.
 */
final class Containers {
  private static final long BYTES = 400L << 20;
  private static final List<Path> ROOTS =
      List.of(Path.of("/sys/fs/cgroup/memory"), Path.of("/sys/fs/cgroup"));
  private static final List<String> LIMITS = List.of("memory.limit_in_bytes", "memory.max");

  /** Latent models and their training, with little and with much. */
  private static final List<String> LATENT =
      List.of(
          "sample --model LATENT --prompt fox --steps 2 --size 256x256",
          "sample --model LATENT --prompt fox --steps 2 --size 512x512",
          "sample --model LATENT --prompt fox --steps 2 --size 1024x1024",
          "sample --model LATENT --prompt fox --steps 2 --size 4096x4096",
          "sample --model LATENT --prompt fox --steps 2 --size 1024x1024 --tiles",
          "edit --model LATENT --prompt fox --steps 2 --size 1024x1024 --image PICTURE",
          "inpaint --model INPAINTING --prompt fox --steps 2 --size 2048x2048 --image PICTURE"
              + " --mask MASK",
          "train-autoencoder --preset tiny --updates 2 --data SMALL --batch 64 --out ELSEWHERE",
          "train-autoencoder --preset tiny --updates 2 --data SMALL --batch 4096 --out ELSEWHERE",
          "train --preset tiny --updates 2 --data SMALL --autoencoder AUTOENCODER --batch 256"
              + " --out ELSEWHERE",
          "train --preset tiny --updates 2 --data SMALL --autoencoder AUTOENCODER --batch 8192"
              + " --out ELSEWHERE",
          "distill --preset tiny --stages 1 --updates 2 --data SMALL --image-size 64 --batch 64"
              + " --teacher LATENT --out ELSEWHERE",
          "distill --preset tiny --stages 1 --updates 2 --data SMALL --image-size 64 --batch 8192"
              + " --teacher LATENT --out ELSEWHERE",
          "distill --preset tiny --stages 1 --updates 2 --data SMALL --image-size 1024 --batch 1"
              + " --teacher LATENT --out ELSEWHERE");

  private final Program program;
  private final Ground ground;

  Containers(Program program, Ground ground) {
    this.program = program;
    this.ground = ground;
  }

  void attack(Tally tally) throws IOException {
    Optional<Path> group = group();
    if (group.isEmpty()) {
      tally.note("left out: no control group for memory could be made here");
      return;
    }
    try {
      for (String batch :
          List.of("64", "384", "448", "480", "512", "544", "640", "2048", "60000")) {
        attempt(group.get(), tally, "bench", "--model", "fashion-mnist-4", "--batch", batch);
      }
      for (String batch : List.of("8", "64", "96", "128", "256", "4096")) {
        attempt(
            group.get(),
            tally,
            "bench",
            "--training",
            "--model",
            "fashion-mnist-4",
            "--batch",
            batch);
      }
      for (String line : LATENT) {
        attempt(group.get(), tally, ground.words(line));
      }
      attempt(
          group.get(),
          tally,
          "sample",
          "--model",
          "fashion-mnist-1",
          "--count",
          "2000",
          "--npz",
          ground.folder.resolve("contained.npz").toString());
    } finally {
      Files.deleteIfExists(group.get());
    }
  }

  private void attempt(Path group, Tally tally, String... command) throws IOException {
    List<String> all = new ArrayList<>(Arrays.asList(command));
    if (command[0].equals("bench")) {
      all.addAll(List.of("--seconds", "0.05"));
    }
    tally.add(
        String.join(" ", command),
        program.end(program.startIn(group, all.toArray(String[]::new))).unlessInWords());
  }

  private static Optional<Path> group() {
    for (int i = 0; i < ROOTS.size(); i++) {
      Path group = ROOTS.get(i).resolve("halfstep-attack");
      try {
        Files.createDirectories(group);
        if (Files.exists(group.resolve(LIMITS.get(i)))) {
          Files.writeString(group.resolve(LIMITS.get(i)), Long.toString(BYTES));
          return Optional.of(group);
        }
        Files.delete(group);
      } catch (IOException refused) {
        // The next one, or none.
        continue;
      }
    }
    return Optional.empty();
  }
}
