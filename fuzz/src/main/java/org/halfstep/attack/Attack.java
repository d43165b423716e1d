package org.halfstep.attack;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Tries to break the command line and the library, and prints a table of what held:
 *
 * <pre>Attack FOLDER LAUNCHER SEED KILLS SAMPLES [PART...]</pre>
 *
 * All {@linkplain #PARTS parts} by default. Ends with 1 where something did not hold.
 */
public final class Attack {
  private static final List<String> PARTS =
      List.of(
          "commands",
          "library",
          "checkpoints",
          "forgeries",
          "files",
          "disks",
          "containers",
          "crowd",
          "kills",
          "latent-commands",
          "latent-library",
          "latent-forgeries",
          "latent-crowd",
          "latent-training");

  /** Forged configurations of latent models, and pictures by many threads. */
  private static final int CONFIGURATIONS = 400;

  private static final int PICTURES = 4000;

  private Attack() {}

  public static void main(String[] arguments) throws IOException, InterruptedException {
    Path folder = Files.createDirectories(Path.of(arguments[0]).toAbsolutePath());
    long seed = Long.parseLong(arguments[2]);
    int kills = Integer.parseInt(arguments[3]);
    int samples = Integer.parseInt(arguments[4]);
    List<String> parts =
        arguments.length > 5 ? List.of(arguments).subList(5, arguments.length) : PARTS;
    PrintStream out = System.out;
    Program program =
        new Program(Path.of(arguments[1]), Files.createDirectories(folder.resolve("at")));
    Ground ground = new Ground(folder, program);
    List<Tally> all = new ArrayList<>();
    for (String part : parts) {
      out.println("attacking: " + part);
      Tally tally = new Tally(title(part), expected(part), out);
      switch (part) {
        case "commands" -> new CommandMisuse(program, ground).attack(tally);
        case "library" -> new LibraryMisuse(ground).attack(tally);
        case "checkpoints" -> new Damage(program, ground, seed).checkpoints(tally);
        case "forgeries" -> new Damage(program, ground, seed).forgeries(tally);
        case "files" -> new Damage(program, ground, seed).files(tally);
        case "disks" -> new FullDisks(program, ground).attack(tally);
        case "containers" -> new Containers(program, ground).attack(tally);
        case "crowd" -> new Crowd(ground.student).attack(samples, tally);
        case "kills" -> new Kills(program, ground, seed).attack(kills, tally);
        case "latent-commands" -> new LatentMisuse(program, ground).attack(tally);
        case "latent-library" -> new LatentCalls(ground).attack(tally);
        case "latent-forgeries" -> new LatentForgery(ground, seed).attack(CONFIGURATIONS, tally);
        case "latent-crowd" ->
            new LatentCrowd(ground.tiny.resolve("diffusers")).attack(PICTURES, tally);
        case "latent-training" -> new TrainingMisuse(program, ground).attack(tally);
        default ->
            throw new IllegalArgumentException("there is no part \"" + part + "\": " + PARTS);
      }
      all.add(tally);
      out.println(tally.row());
    }
    out.println();
    out.println("| attack | tried | what must hold | held | |");
    out.println("| --- | --- | --- | --- | --- |");
    all.forEach(tally -> out.println(tally.row()));
    System.exit(all.stream().allMatch(Tally::held) ? 0 : 1);
  }

  private static String title(String part) {
    return switch (part) {
      case "commands" -> "misuse of the command line";
      case "library" -> "misuse of the library";
      case "checkpoints" -> "damage to checkpoints and settings of runs";
      case "forgeries" -> "checkpoints that no run writes";
      case "files" -> "damage to models, samples, images, settings";
      case "disks" -> "full disks";
      case "containers" -> "a container of 400 MiB";
      case "crowd" -> "images by many threads";
      case "latent-commands" -> "misuse of the command line, latent models";
      case "latent-training" -> "numbers and paths of the commands that train on latents and edit";
      case "latent-library" -> "misuse of the library, latent models";
      case "latent-forgeries" -> "latent models that nobody writes";
      case "latent-crowd" -> "pictures by many threads";
      default -> "SIGKILL, and signals that ask";
    };
  }

  private static String expected(String part) {
    return switch (part) {
      case "commands", "latent-commands", "latent-training" -> "refused in one line";
      case "library", "latent-library" -> "an exception of one line, nothing left open";
      case "checkpoints", "forgeries" -> "the same bits, or refused in one line";
      case "latent-forgeries" -> "a picture, or refused in one line, nothing left open";
      case "latent-crowd" -> "the bits of one thread";
      case "files" -> "read, or refused in one line";
      case "disks" -> "said in one line; the same bits elsewhere";
      case "containers" -> "fits, or refused in one line; not killed";
      case "crowd" -> "the bits of one thread, no growth";
      default -> "whole files, the same bits in the end";
    };
  }
}
