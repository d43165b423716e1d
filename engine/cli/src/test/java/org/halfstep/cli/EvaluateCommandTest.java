package org.halfstep.cli;

import static org.halfstep.cli.Commands.halfstep;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.halfstep.data.SampleBatchFile;
import org.halfstep.fixtures.HashedInception;
import org.halfstep.image.ImageBatch;
import org.halfstep.image.ImageGrid;
import org.halfstep.metrics.FeatureMoments;
import org.halfstep.metrics.ReferenceStatistics;
import org.halfstep.safetensors.NamedTensor;
import org.halfstep.safetensors.SafetensorsWriter;
import org.halfstep.sample.TinyModels;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EvaluateCommandTest {
  private static final int IMAGES = 20;
  private static final int SIDE = 8;

  /** Hashed weights and a set of images, written once. */
  @TempDir private static Path shared;

  @TempDir private Path folder;

  @BeforeAll
  static void write() throws IOException {
    HashedInception hashed = new HashedInception("");
    List<NamedTensor> tensors = new ArrayList<>();
    hashed
        .shapes()
        .forEach(
            (name, shape) ->
                tensors.add(NamedTensor.f32(name, shape, hashed.find(name).orElseThrow().data())));
    SafetensorsWriter.write(weights(), tensors, Map.of());
    write(reference(), IMAGES, SIDE, 1, 1);
  }

  private static Path weights() {
    return shared.resolve("inception.safetensors");
  }

  private static Path reference() {
    return shared.resolve("reference.npz");
  }

  private static ImageBatch noise(int count, int side, int channels, long seed) {
    byte[] pixels = new byte[count * side * side * channels];
    new Random(seed).nextBytes(pixels);
    return new ImageBatch(count, side, side, channels, pixels);
  }

  private static void write(Path file, int count, int side, int channels, long seed)
      throws IOException {
    ImageBatch noise = noise(count, side, channels, seed);
    SampleBatchFile.write(file, count, Optional.empty(), () -> noise);
  }

  private static String text(Path path) {
    return path.toString();
  }

  @Test
  void measuresAFileAndAFolderAlike() throws IOException {
    Path samples = folder.resolve("samples.npz");
    write(samples, IMAGES, SIDE, 1, 2);
    Path pictures = Files.createDirectories(folder.resolve("pictures"));
    ImageBatch noise = noise(IMAGES, SIDE, 1, 2);
    for (int i = 0; i < IMAGES; i++) {
      ImageGrid.writeSingle(pictures.resolve(String.format("%03d.png", i)), noise, i, Map.of());
    }
    Path json = folder.resolve("file.json");
    Path statistics = folder.resolve("statistics.npz");
    String cache = text(folder.resolve("cache"));
    Commands.Outcome file =
        halfstep(
            "evaluate",
            "--images=" + samples,
            "--reference=" + reference(),
            "--inception=" + weights(),
            "--cache=" + cache,
            "--save-statistics=" + statistics,
            "--out=" + json);
    assertEquals(0, file.code(), file.err());
    assertTrue(file.out().contains("FID (Inception)"), file.out());
    assertTrue(file.out().contains("these are not the public weights"), file.out());
    JsonNode first = new ObjectMapper().readTree(json.toFile());
    assertEquals("Inception", first.at("/extractor/name").asText());
    assertEquals(64, first.at("/extractor/sha256").asText().length());
    assertEquals(IMAGES, first.at("/reference/images").asInt());
    assertTrue(first.get("command").asText().startsWith("halfstep evaluate --images"));
    JsonNode numbers = first.at("/results/0");
    assertTrue(numbers.get("fid").asDouble() > 0);
    assertEquals(IMAGES, numbers.get("images").asInt());
    // The statistics alone, from the file that was written, give the same distance and no more.
    Path second = folder.resolve("folder.json");
    Commands.Outcome again =
        halfstep(
            "evaluate",
            "--images=" + pictures,
            "--reference=" + statistics,
            "--inception=" + weights(),
            "--cache=" + cache,
            "--out=" + second);
    assertEquals(0, again.code(), again.err());
    JsonNode result = new ObjectMapper().readTree(second.toFile()).at("/results/0");
    assertEquals(
        numbers.get("fid").asDouble(),
        result.get("fid").asDouble(),
        1e-6 * numbers.get("fid").asDouble());
    assertEquals(
        numbers.get("inceptionScore").asDouble(), result.get("inceptionScore").asDouble(), 1e-12);
    assertTrue(numbers.has("kid"));
    assertFalse(result.has("kid"));
    // The same images against themselves, the reference from the cache.
    Path third = folder.resolve("same.json");
    Commands.Outcome same =
        halfstep(
            "evaluate",
            "--images=" + reference(),
            "--reference=" + reference(),
            "--inception=" + weights(),
            "--cache=" + cache,
            "--out=" + third);
    assertEquals(0, same.code(), same.err());
    JsonNode zero = new ObjectMapper().readTree(third.toFile()).at("/results/0");
    assertEquals(0, zero.get("fid").asDouble(), 1e-6 * numbers.get("fid").asDouble());
    assertEquals(1, zero.get("precision").asDouble());
    try (var files = Files.list(folder.resolve("cache"))) {
      assertEquals(1, files.count());
    }
  }

  @Test
  void measuresAModelOverSeedsAndWritesItsSamples() throws IOException {
    Path model = TinyModels.teacher(folder.resolve("tiny.safetensors"));
    Path samples = folder.resolve("samples.npz");
    Commands.Outcome made =
        halfstep(
            "sample",
            "--model=" + model,
            "--count=21",
            "--steps=1",
            "--seed=3",
            "--npz=" + samples);
    assertEquals(0, made.code(), made.err());
    try (SampleBatchFile file = SampleBatchFile.open(samples)) {
      assertEquals(21, file.count());
      int[] labels = file.labels().orElseThrow();
      assertEquals(1, labels[4]);
      assertEquals(2, labels[20]);
    }
    Path json = folder.resolve("model.json");
    Commands.Outcome result =
        halfstep(
            "evaluate",
            "--model=" + model,
            "--reference=" + samples,
            "--inception=" + weights(),
            "--cache=" + folder.resolve("cache"),
            "--samples=21",
            "--steps=1",
            "--seeds=2,3",
            "--out=" + json);
    assertEquals(0, result.code(), result.err());
    JsonNode node = new ObjectMapper().readTree(json.toFile());
    assertEquals(2, node.at("/results").size());
    assertEquals(2, node.at("/results/0/seed").asInt());
    // Images 0 to 20 of seed 3 are those of the file.
    assertEquals(0, node.at("/results/1/fid").asDouble(), 1e-6);
    assertTrue(node.at("/results/0/fid").asDouble() > 1e-3, json.toString());
    assertEquals(2, node.at("/overSeeds/0/seeds").asInt());
    assertEquals(1, node.at("/samples/steps").asInt());
    assertEquals(64, node.at("/samples/sha256").asText().length());
    assertRefused(
        "--npz takes all images",
        "sample",
        "--model=" + model,
        "--npz=" + samples,
        "--grid=" + folder.resolve("grid.png"));
  }

  private void assertRefused(String part, String... arguments) {
    Commands.Outcome result = halfstep((Object[]) arguments);
    assertEquals(2, result.code(), result.out() + result.err());
    assertEquals(1, result.err().strip().lines().count(), result.err());
    assertTrue(result.err().contains(part), result.err());
  }

  private String[] evaluate(Path images, Path reference, Path weights) {
    return new String[] {
      "evaluate",
      "--images=" + images,
      "--reference=" + reference,
      "--inception=" + weights,
      "--cache=" + folder.resolve("cache")
    };
  }

  @Test
  void aCorruptFileIsOneLine() throws IOException {
    Path samples = folder.resolve("samples.npz");
    byte[] whole = Files.readAllBytes(reference());
    Files.write(samples, Arrays.copyOf(whole, whole.length / 2));
    assertRefused("samples.npz: ", evaluate(samples, reference(), weights()));
    assertRefused("samples.npz: ", evaluate(reference(), samples, weights()));
  }

  @Test
  void aPickleWithCodeInItIsRefusedByName() throws IOException {
    Path pickle = folder.resolve("weights.pth");
    Files.write(
        pickle,
        "\u0080\u0002cposix\nsystem\nX\u0004\0\0\0true\u0085R."
            .getBytes(StandardCharsets.ISO_8859_1));
    assertRefused("asks for posix.system", evaluate(reference(), reference(), pickle));
  }

  @Test
  void weightsOfAnotherNetworkNameTheFirstTensor() throws IOException {
    Path other = folder.resolve("other.safetensors");
    float[] values = new float[32 * 3 * 3];
    SafetensorsWriter.write(
        other,
        List.of(
            NamedTensor.f32(
                "Conv2d_1a_3x3.conv.weight",
                new long[] {32, 1, 3, 3},
                MemorySegment.ofArray(values))),
        Map.of());
    assertRefused(
        "tensor Conv2d_1a_3x3.conv.weight has shape [32, 1, 3, 3], expected [32, 3, 3, 3]",
        evaluate(reference(), reference(), other));
    SafetensorsWriter.write(
        other,
        List.of(NamedTensor.f32("conv1.weight", new long[] {288}, MemorySegment.ofArray(values))),
        Map.of());
    assertRefused(
        "tensor Conv2d_1a_3x3.conv.weight is missing", evaluate(reference(), reference(), other));
  }

  @Test
  void tooFewSamplesAreRefused() throws IOException {
    Path few = folder.resolve("few.npz");
    write(few, IMAGES - 1, SIDE, 1, 3);
    assertRefused("need at least 20 images", evaluate(few, reference(), weights()));
    assertRefused("need at least 20", "evaluate", "--samples=19");
    String[] more = Arrays.copyOf(evaluate(few, reference(), weights()), 6);
    more[5] = "--samples=50";
    assertRefused("has 19 images, --samples asks for 50", more);
  }

  @Test
  void mismatchedSizesAreRefused() throws IOException {
    Path large = folder.resolve("large.npz");
    write(large, IMAGES, 2 * SIDE, 3, 4);
    assertRefused(
        "the reference has images of 8x8x1, the samples are 16x16x3",
        evaluate(large, reference(), weights()));
    Path pictures = Files.createDirectories(folder.resolve("pictures"));
    for (int i = 0; i < IMAGES; i++) {
      int side = i == IMAGES - 1 ? SIDE + 1 : SIDE;
      ImageGrid.writeSingle(
          pictures.resolve(String.format("%03d.png", i)), noise(1, side, 1, i), 0, Map.of());
    }
    assertRefused("is 9x9, 000.png is 8x8", evaluate(pictures, reference(), weights()));
    Path statistics = folder.resolve("statistics.npz");
    ReferenceStatistics.write(
        statistics, new FeatureMoments(new double[3], new double[] {1, 0, 0, 0, 1, 0, 0, 0, 1}));
    assertRefused(
        "has statistics of 3 features, Inception has 2048",
        evaluate(reference(), statistics, weights()));
  }

  @Test
  void optionsThatContradictAreRefused() {
    assertRefused(
        "--images are there already",
        "evaluate",
        "--images=" + reference(),
        "--model=fashion-mnist-4");
    assertRefused("there is no such file", "evaluate", "--images=" + folder.resolve("none"));
    assertRefused(
        "there is no such file", evaluate(reference(), folder.resolve("none"), weights()));
  }
}
