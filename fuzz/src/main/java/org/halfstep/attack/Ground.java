package org.halfstep.attack;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.halfstep.files.FileDigest;
import org.halfstep.safetensors.NamedTensor;
import org.halfstep.safetensors.SafetensorsWriter;

/** Small things to attack, made once: images, and a model of each kind by undisturbed runs. */
final class Ground {
  private static final int SIDE = 8;
  private static final int CLASSES = 10;

  final Path folder;
  final Path data;
  final Path teacher;
  final Path student;
  final Path classifier;
  final Path samples;

  /** A latent model in every layout. */
  final Path tiny;

  /** Low-rank updates of it. */
  final Path updates;

  /** A picture of colours, and a mask for it. */
  final Path picture;

  final Path mask;

  /** Captions, a line each. */
  final Path captions;

  /** Makes everything, in some seconds. */
  Ground(Path folder, Program program) throws IOException {
    this.folder = folder;
    data = Files.createDirectories(folder.resolve("data"));
    images("train", 96);
    images("t10k", 64);
    program.require(arguments("train", folder.resolve("teacher")));
    program.require(arguments("distill", folder.resolve("students")));
    program.require(arguments("train-classifier", folder.resolve("classifier")));
    teacher = folder.resolve("teacher/teacher.safetensors");
    student = folder.resolve("students/student-1.safetensors");
    classifier = folder.resolve("classifier/classifier.safetensors");
    samples = folder.resolve("samples.npz");
    program.require(
        "sample", "--model", student.toString(), "--count", "40", "--npz", samples.toString());
    tiny = folder.resolve("tiny");
    program.require("convert", "--tiny", tiny.toString());
    updates = folder.resolve("style.safetensors");
    String module = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k";
    SafetensorsWriter.write(
        updates,
        List.of(
            NamedTensor.f32(module + ".lora_A.weight", new long[] {1, 64}, ramp(64)),
            NamedTensor.f32(module + ".lora_B.weight", new long[] {32, 1}, ramp(32))),
        Map.of());
    picture = picture("picture.png", BufferedImage.TYPE_INT_RGB);
    mask = picture("mask.png", BufferedImage.TYPE_BYTE_GRAY);
    captions =
        Files.writeString(folder.resolve("captions.txt"), "a fox in the snow\n".repeat(40));
  }

  private static float[] ramp(int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = 0.01f * i;
    }
    return values;
  }

  private Path picture(String name, int type) throws IOException {
    BufferedImage image = new BufferedImage(64, 64, type);
    for (int i = 0; i < 64 * 64; i++) {
      image.setRGB(i % 64, i / 64, i % 64 < 32 ? 0xffffff : 0x203040);
    }
    Path file = folder.resolve(name);
    ImageIO.write(image, "png", file.toFile());
    return file;
  }

  /** A latent model's way to one small picture. */
  String[] latentSample(Path model, String... more) {
    return Stream.concat(
            Stream.of(
                "sample",
                "--model",
                model.toString(),
                "--prompt",
                "a fox",
                "--size",
                "64x64",
                "--steps",
                "2"),
            Stream.of(more))
        .toArray(String[]::new);
  }

  /** The commands that make runs with checkpoints. */
  List<String> runs() {
    return List.of("train", "distill", "train-classifier");
  }

  /** The models of an undisturbed run of a command, by name, with their digests. */
  Map<String, String> whole(String command) throws IOException {
    return models(
        folder.resolve(
            Map.of("train", "teacher", "distill", "students", "train-classifier", "classifier")
                .get(command)));
  }

  /** A run that writes many checkpoints, into a folder. */
  String[] arguments(String command, Path out) {
    String updates = command.equals("distill") ? "6" : "60";
    List<String> all =
        Stream.concat(
                Stream.of(command, "--preset", "tiny", "--data", data.toString()),
                Stream.of("--updates", updates, "--checkpoint-every", "3", "--out", out.toString()))
            .toList();
    return command.equals("distill")
        ? Stream.concat(
                all.stream(),
                Stream.of("--teacher", folder.resolve("teacher/teacher.safetensors").toString()))
            .toArray(String[]::new)
        : all.toArray(String[]::new);
  }

  /** IDX files of images that differ by class. */
  private void images(String split, int count) throws IOException {
    ByteArrayOutputStream pixels = new ByteArrayOutputStream();
    ByteArrayOutputStream labels = new ByteArrayOutputStream();
    DataOutputStream head = new DataOutputStream(pixels);
    for (int number : new int[] {0x803, count, SIDE, SIDE}) {
      head.writeInt(number);
    }
    head = new DataOutputStream(labels);
    head.writeInt(0x801);
    head.writeInt(count);
    for (int i = 0; i < count; i++) {
      for (int p = 0; p < SIDE * SIDE; p++) {
        pixels.write(128 + (int) (100 * Math.sin(p * (1 + i % CLASSES) * 0.2 + i)));
      }
      labels.write(i % CLASSES);
    }
    Files.write(data.resolve(split + "-images-idx3-ubyte"), pixels.toByteArray());
    Files.write(data.resolve(split + "-labels-idx1-ubyte"), labels.toByteArray());
  }

  /** The model files of a folder by name, with their digests. */
  static Map<String, String> models(Path folder) throws IOException {
    Map<String, String> digests = new TreeMap<>();
    if (Files.isDirectory(folder)) {
      try (Stream<Path> files = Files.list(folder)) {
        for (Path file : files.filter(f -> f.toString().endsWith(".safetensors")).toList()) {
          digests.put(file.getFileName().toString(), FileDigest.sha256(file));
        }
      }
    }
    return digests;
  }

  /** The digest of a file, or of all in a folder. */
  static String digest(Path path) throws IOException {
    StringBuilder digests = new StringBuilder();
    try (Stream<Path> all = Files.walk(path)) {
      for (Path file : all.filter(Files::isRegularFile).sorted().toList()) {
        digests.append(path.relativize(file)).append(FileDigest.sha256(file));
      }
    }
    return digests.toString();
  }

  static void copy(Path from, Path to) throws IOException {
    try (Stream<Path> all = Files.walk(from)) {
      for (Path one : all.toList()) {
        Path target = to.resolve(from.relativize(one).toString());
        if (Files.isDirectory(one, LinkOption.NOFOLLOW_LINKS)) {
          Files.createDirectories(target);
        } else {
          Files.copy(one, target, LinkOption.NOFOLLOW_LINKS);
        }
      }
    }
  }

  static void remove(Path folder) throws IOException {
    if (!Files.exists(folder, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    try (Stream<Path> all = Files.walk(folder)) {
      for (Path one : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(one);
      }
    }
  }
}
