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

  /** Of every command that makes checkpoints. */
  final Runs runs;

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
    tiny = folder.resolve("tiny");
    program.require("convert", "--tiny", tiny.toString());
    runs = new Runs(folder, data, tiny);
    for (String kind : runs.kinds()) {
      runs.make(kind, program);
    }
    teacher = folder.resolve("teacher/teacher.safetensors");
    student = folder.resolve("students/student-1.safetensors");
    classifier = folder.resolve("classifier/classifier.safetensors");
    samples = folder.resolve("samples.npz");
    program.require(
        "sample", "--model", student.toString(), "--count", "40", "--npz", samples.toString());
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
    captions = Files.writeString(folder.resolve("captions.txt"), "a fox in the snow\n".repeat(40));
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

  /**
   * The words of a line, in which names of capital letters stand for what is here: LATENT, LCM,
   * INPAINTING, PICTURE, MASK, SMALL, AUTOENCODER, ELSEWHERE.
   */
  String[] words(String line) throws IOException {
    Map<String, Path> known =
        Map.of(
            "LATENT", tiny.resolve("diffusers"),
            "LCM", tiny.resolve("lcm"),
            "INPAINTING", tiny.resolve("inpainting"),
            "PICTURE", picture,
            "MASK", mask,
            "SMALL", runs.small,
            "AUTOENCODER", folder.resolve("autoencoder"),
            "ELSEWHERE", folder.resolve("elsewhere"));
    Ground.remove(known.get("ELSEWHERE"));
    return Stream.of(line.split(" "))
        .map(word -> known.containsKey(word) ? known.get(word).toString() : word)
        .toArray(String[]::new);
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
