package org.halfstep.attack;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.halfstep.files.FileDigest;

/**
 * Small runs with checkpoints, of every command that makes them, and what an undisturbed one of
 * each made.
 */
final class Runs {
  private static final String CHECKPOINTS = "checkpoints";
  private static final int SMALL = 16;
  private static final int LARGE = 64;

  private final Path folder;
  private final Path tiny;

  /** Pictures with captions. */
  final Path small;

  private final Path large;

  /** The words of each kind of run, before its folder. */
  private final Map<String, String[]> kinds = new LinkedHashMap<>();

  /** Where an undisturbed one lies. */
  private final Map<String, String> folders = new LinkedHashMap<>();

  /**
   * @param folder takes pictures and the undisturbed runs
   * @param data labelled images
   * @param tiny a latent model in every layout
   */
  Runs(Path folder, Path data, Path tiny) throws IOException {
    this.folder = folder;
    this.tiny = tiny;
    small = pictures("small", SMALL);
    large = pictures("large", LARGE);
    add("train", "teacher", "60", data);
    add("distill", "students", "6", data, "--teacher", "teacher/teacher.safetensors");
    add("train-classifier", "classifier", "60", data);
    add("train-autoencoder", "autoencoder", "60", small);
    add("train", "latent-teacher", "30", small, "--autoencoder", "autoencoder");
    add("distill", "latent-students", "12", large, "--stages", "2,1", "--teacher", "");
  }

  private void add(String command, String name, String updates, Path from, String... more) {
    String[] rest = more.clone();
    for (int i = 1; i < rest.length; i += 2) {
      if (rest[i - 1].equals("--teacher") || rest[i - 1].equals("--autoencoder")) {
        Path of = rest[i].isEmpty() ? tiny.resolve("diffusers") : folder.resolve(rest[i]);
        rest[i] = of.toString();
      }
    }
    String[] first = {
      command,
      "--preset",
      "tiny",
      "--data",
      from.toString(),
      "--updates",
      updates,
      "--checkpoint-every",
      "3"
    };
    String kind = name.startsWith("latent") ? command + " (latents)" : command;
    kinds.put(kind, Stream.concat(Stream.of(first), Stream.of(rest)).toArray(String[]::new));
    folders.put(kind, name);
  }

  private Path pictures(String name, int side) throws IOException {
    Path all = Files.createDirectories(folder.resolve(name));
    StringBuilder table = new StringBuilder("file\tcaption\n");
    for (int i = 0; i < 6; i++) {
      BufferedImage picture = new BufferedImage(side, side, BufferedImage.TYPE_INT_RGB);
      for (int p = 0; p < side * side; p++) {
        picture.setRGB(p % side, p / side, 0x204060 * (i + 1) + 4 * p % 251 << i);
      }
      ImageIO.write(picture, "png", all.resolve(i + ".png").toFile());
      table.append(i).append(".png\ta fox number ").append(i).append('\n');
    }
    Files.writeString(all.resolve("captions.tsv"), table);
    return all;
  }

  /** What kinds there are. */
  List<String> kinds() {
    return List.copyOf(kinds.keySet());
  }

  /** The line of a run that writes many checkpoints, into a folder. */
  String[] arguments(String kind, Path out) {
    return Stream.concat(Stream.of(kinds.get(kind)), Stream.of("--out", out.toString()))
        .toArray(String[]::new);
  }

  /** Makes the undisturbed run of a kind. */
  void make(String kind, Program program) throws IOException {
    program.require(arguments(kind, folder.resolve(folders.get(kind))));
  }

  /** What the undisturbed run of a kind made, by name, with digests. */
  Map<String, String> whole(String kind) throws IOException {
    return models(folder.resolve(folders.get(kind)));
  }

  /** The files of weights and latents that a run made, by name, with digests. */
  static Map<String, String> models(Path run) throws IOException {
    Map<String, String> digests = new TreeMap<>();
    if (Files.isDirectory(run)) {
      try (Stream<Path> files = Files.walk(run)) {
        for (Path file : files.filter(f -> f.toString().endsWith(".safetensors")).toList()) {
          Path name = run.relativize(file);
          if (!name.startsWith(CHECKPOINTS) && !name.toString().contains(".partial")) {
            digests.put(name.toString(), FileDigest.sha256(file));
          }
        }
      }
    }
    return digests;
  }
}
