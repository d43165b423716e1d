package org.halfstep.attack;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Disks that are full: a file system in memory of some kilobytes or files, and /dev/full. A command
 * says "No space left on device" in a line, or does without what it only wanted to keep; a run that
 * was ended so goes on elsewhere and ends with the same bits. Needs the right to mount.
 */
final class FullDisks {
  private static final String SAID = "No space left on device";

  /** What latent models, their training and their doctor write. */
  private static final List<String> LATENT =
      List.of(
          "sample --model LATENT --prompt fox --steps 2 --count 9 --out DISK/foxes",
          "sample --model LATENT --prompt fox --steps 2 --count 9 --grid DISK/foxes.png",
          "sample --model LATENT --prompt fox --steps 2 --count 9 --npz DISK/foxes.npz",
          "edit --model LATENT --prompt fox --image PICTURE --steps 4 --grid DISK/fox.png",
          "edit --model LATENT --prompt fox --image PICTURE --steps 4 --beside DISK/b.png",
          "edit --model LATENT --prompt fox --image PICTURE --steps 4 --strip DISK/s.png",
          "inpaint --model LATENT --prompt fox --image PICTURE --mask MASK --steps 2 --out DISK/p",
          "convert --model LATENT --shards 1 --dtype f16 --out DISK/shards",
          "quantize --model LATENT --images 2 --out DISK/int8",
          "train-autoencoder --data SMALL --out DISK/autoencoder --preset tiny --updates 1",
          "train --data SMALL --autoencoder AUTOENCODER --latents DISK/l.safetensors --preset tiny"
              + " --updates 1 --out ELSEWHERE",
          "distill --teacher LATENT --data SMALL --image-size 64 --preset tiny --stages 1"
              + " --latents DISK/l.safetensors --out ELSEWHERE");

  private final Program program;
  private final Ground ground;

  FullDisks(Program program, Ground ground) {
    this.program = program;
    this.ground = ground;
  }

  void attack(Tally tally) throws IOException {
    for (String room : List.of("size=4k", "size=16k", "size=200k", "size=700k", "nr_inodes=9")) {
      for (String command : ground.runs.kinds()) {
        run(command, room, tally);
      }
    }
    String model = ground.student.toString();
    String latent = ground.tiny.resolve("diffusers").toString();
    List<String[]> commands =
        List.of(
            new String[] {"sample", "--model", model, "--count", "900", "--npz", "DISK/s.npz"},
            new String[] {"sample", "--model", model, "--count", "900", "--grid", "DISK/s.png"},
            new String[] {"sample", "--model", model, "--count", "900", "--out", "DISK/images"},
            new String[] {"convert", "--model", model, "--out", "DISK/e.safetensors"},
            new String[] {"convert", "--model", latent, "--out", "DISK/latent"},
            new String[] {"convert", "--model", latent, "--out", "DISK/latent.ckpt"},
            new String[] {"convert", "--tiny", "DISK/tiny"},
            new String[] {
              "quantize",
              "--model",
              model,
              "--data",
              ground.data.toString(),
              "--images",
              "8",
              "--out",
              "DISK/q.safetensors"
            },
            evaluate("--save-statistics", "DISK/statistics.npz"),
            evaluate("--out", "DISK/numbers.json"),
            evaluate("--cache", "DISK/cache"),
            new String[] {
              "bench", "--model", model, "--seconds", "0.1", "--batch", "1", "--out", "DISK/b.json"
            },
            new String[] {
              "demo",
              "--models",
              ground.teacher + "," + model,
              "--steps",
              "2",
              "--per-class",
              "1",
              "--out",
              "DISK/demo"
            },
            new String[] {
              "report",
              "--models",
              ground.teacher + "," + model,
              "--data",
              ground.data.toString(),
              "--samples",
              "20",
              "--teacher-samples",
              "20",
              "--teacher-steps",
              "2",
              "--sweep-steps",
              "2",
              "--rounds",
              "1",
              "--classifier",
              ground.classifier.toString(),
              "--out",
              "DISK/report"
            });
    for (String[] command : commands) {
      try (Disk disk = new Disk(ground.folder.resolve("disk"), "size=4k")) {
        disk.fill();
        String[] there = replaced(command, disk.folder.toString());
        tally.add(String.join(" ", command), said(program.run(there)));
      }
    }
    for (String line : LATENT) {
      try (Disk disk = new Disk(ground.folder.resolve("disk"), "size=4k")) {
        disk.fill();
        String[] there = replaced(ground.words(line), disk.folder.toString());
        tally.add(line, said(program.run(there)));
      }
    }
    for (String option : List.of("--npz", "--grid")) {
      tally.add(
          "sample " + option + " /dev/full",
          said(program.run("sample", "--model", model, option, "/dev/full")));
    }
  }

  private String[] evaluate(String option, String file) {
    return new String[] {
      "evaluate",
      "--images",
      ground.samples.toString(),
      "--reference",
      ground.data.toString(),
      "--classifier",
      ground.classifier.toString(),
      option,
      file
    };
  }

  private static String[] replaced(String[] command, String disk) {
    return Stream.of(command).map(word -> word.replace("DISK", disk)).toArray(String[]::new);
  }

  /** A cache is done without; everything else fails and says why. */
  private static Optional<String> said(Program.Ended ended) {
    if (ended.code() == 0) {
      return ended.out().contains(SAID)
          ? Optional.empty()
          : Optional.of("went on and did not say that the disk is full");
    }
    Optional<String> problem = ended.unlessInWords();
    return problem.isPresent() || ended.err().contains(SAID)
        ? problem
        : Optional.of("did not say that the disk is full: " + ended.err().strip());
  }

  private void run(String command, String room, Tally tally) throws IOException {
    Path elsewhere = ground.folder.resolve("after-full-disk");
    Ground.remove(elsewhere);
    Optional<String> problem;
    try (Disk disk = new Disk(ground.folder.resolve("disk"), room)) {
      Program.Ended ended = program.run(ground.runs.arguments(command, disk.folder.resolve("run")));
      problem = ended.code() == 0 ? Optional.empty() : said(ended);
      if (Files.exists(disk.folder.resolve("run"))) {
        Ground.copy(disk.folder.resolve("run"), elsewhere);
      }
    }
    if (problem.isEmpty()) {
      problem = program.run(ground.runs.arguments(command, elsewhere)).unlessDone();
    }
    Map<String, String> whole = ground.runs.whole(command);
    if (problem.isEmpty() && !Runs.models(elsewhere).equals(whole)) {
      problem = Optional.of("went on to other weights");
    }
    tally.add(command + " on a disk of " + room, problem);
  }

  /** A small file system in memory. */
  private static final class Disk implements AutoCloseable {
    final Path folder;

    Disk(Path folder, String room) throws IOException {
      this.folder = Files.createDirectories(folder);
      system("mount", "-t", "tmpfs", "-o", room, "tmpfs", folder.toString());
    }

    /** Takes what room there is. */
    void fill() throws IOException {
      Files.write(folder.resolve("filler"), new byte[4096]);
    }

    @Override
    public void close() throws IOException {
      system("umount", folder.toString());
    }

    private static void system(String... command) throws IOException {
      int code = new ProcessBuilder(command).inheritIO().start().onExit().join().exitValue();
      if (code != 0) {
        throw new IOException(String.join(" ", command) + " ended with " + code);
      }
    }
  }
}
