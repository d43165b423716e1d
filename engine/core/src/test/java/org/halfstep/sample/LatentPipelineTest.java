package org.halfstep.sample;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import org.halfstep.checkpoint.TinyPipeline;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.Slab;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.diffusion.Solver;
import org.halfstep.diffusion.TimeGrid.Spacing;
import org.halfstep.image.ImageBatch;
import org.halfstep.latent.Tiling;
import org.halfstep.safetensors.NamedTensor;
import org.halfstep.safetensors.SafetensorsWriter;
import org.halfstep.sample.LatentOptions.Residency;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Whole latent models with hashed weights: what does not depend on what their pictures show. */
class LatentPipelineTest {
  private static final int SIDE = 64;
  private static final int BYTES = SIDE * SIDE * 3;

  @TempDir private static Path folder;
  private Device device;
  private DiffusionModel model;

  @BeforeAll
  static void write() throws IOException {
    TinyPipeline.write(folder.resolve("tiny"));
  }

  @BeforeEach
  void open() throws IOException {
    device = new CpuDevice();
    model = DiffusionModel.open(path("diffusers"), options());
  }

  @AfterEach
  void close() {
    model.close();
    device.close();
  }

  private static Path path(String layout) {
    return folder.resolve("tiny").resolve(layout);
  }

  private ModelOptions options() {
    return ModelOptions.standard().withDevice(device);
  }

  private SampleRequest request(String... prompts) {
    return model.request(prompts).withSeed(3).withSteps(3);
  }

  private static byte[] image(ImageBatch batch, int index) {
    return Arrays.copyOfRange(batch.pixels(), index * BYTES, (index + 1) * BYTES);
  }

  @Test
  void theFileSaysHowAModelIsUsed() throws IOException {
    SampleRequest usual = model.request("a fox");
    assertEquals(Solver.DDIM, usual.sampler());
    assertEquals(50, usual.steps());
    assertEquals(6.5, usual.guidance());
    assertEquals(100, model.evaluations(usual));
    assertEquals(SIDE, model.height(usual));
    assertEquals(SIDE, model.width(usual));
    assertTrue(model.takesPrompts());
    try (DiffusionModel consistency = DiffusionModel.open(path("lcm"), options())) {
      SampleRequest few = consistency.request("a fox");
      assertEquals(Solver.CONSISTENCY, few.sampler());
      assertEquals(4, consistency.evaluations(few));
      assertNotEquals(
          List.of(consistency.sample(few).pixels()),
          List.of(consistency.sample(few.withGuidance(1)).pixels()));
      assertTrue(
          refused(consistency, few.withCondition(Condition.prompts(List.of("a fox"), "red")))
              .contains("no negative prompt"));
    }
  }

  @Test
  void anImageIsTheSameInAnyCompany() {
    ImageBatch all = model.sample(request("a red fox", "a cat", "a fox on a horse"));
    assertEquals(3, all.count());
    String[] prompts = {"a red fox", "a cat", "a fox on a horse"};
    for (int k = 0; k < 3; k++) {
      ImageBatch one = model.sample(request(prompts[k]).withFirstImage(k));
      assertClose(image(all, k), one.pixels());
    }
    assertFalse(Arrays.equals(image(all, 0), image(all, 1)));
  }

  /** Batches of other sizes sum in other orders: a unit of 255 here and there. */
  private static void assertClose(byte[] expected, byte[] got) {
    assertEquals(expected.length, got.length);
    for (int i = 0; i < expected.length; i++) {
      assertEquals(expected[i] & 0xff, got[i] & 0xff, 1, "value " + i);
    }
  }

  @ParameterizedTest
  @CsvSource({"sharded", "tiny.safetensors", "tiny.ckpt"})
  void everyLayoutMakesTheSamePicture(String layout) throws IOException {
    LatentOptions latent =
        LatentOptions.standard()
            .withResidency(Residency.RELEASE)
            .withTokenizer(path("diffusers").resolve("tokenizer"));
    try (DiffusionModel other = DiffusionModel.open(path(layout), options().withLatent(latent))) {
      assertArrayEquals(
          model.sample(request("a fox")).pixels(), other.sample(request("a fox")).pixels());
    }
  }

  @Test
  void aNegativePromptTakesThePlaceOfTheEmptyOne() {
    SampleRequest plain = request("a fox");
    SampleRequest away = plain.withCondition(Condition.prompts(List.of("a fox"), "red"));
    assertFalse(Arrays.equals(model.sample(plain).pixels(), model.sample(away).pixels()));
    // What is led away from has no weight without guidance.
    assertArrayEquals(
        model.sample(plain.withGuidance(0)).pixels(), model.sample(away.withGuidance(0)).pixels());
    assertEquals(3, model.evaluations(plain.withGuidance(0)));
    // Led away from itself it is itself, whatever the guidance.
    SampleRequest itself = plain.withCondition(Condition.prompts(List.of("a fox"), "a fox"));
    assertClose(
        model.sample(plain.withGuidance(0)).pixels(),
        model.sample(itself.withGuidance(2)).pixels());
  }

  @Test
  void picturesNeedNotBeSquare() {
    ImageBatch wide = model.sample(request("a fox").withSize(64, 128));
    assertEquals(64, wide.height());
    assertEquals(128, wide.width());
    // Sides that the UNet cannot halve evenly.
    ImageBatch odd = model.sample(request("a fox").withSize(72, 56));
    assertEquals(72, odd.height());
    assertEquals(56, odd.width());
    assertTrue(refused(model, request("a fox").withSize(60, 64)).contains("use 64"));
  }

  private static String refused(DiffusionModel opened, SampleRequest request) {
    String line =
        assertThrows(IllegalArgumentException.class, () -> opened.sample(request)).getMessage();
    assertFalse(line.contains("\n"), line);
    return line;
  }

  @Test
  void whatItDoesNotTakeIsRefusedInALine() {
    assertTrue(refused(model, model.request(1)).contains("prompts, not of labels"));
    assertTrue(refused(model, request("a").withClip(true)).contains("no range"));
    assertTrue(
        refused(model, request("a").withSpacing(Spacing.KARRAS).withSteps(2000))
            .contains("at most 1000 steps"));
    ImageBatch picture = new ImageBatch(1, SIDE, SIDE, 3, new byte[BYTES]);
    assertTrue(
        refused(model, request("a").withEdit(Edit.of(picture, 0.2))).contains("smallest one is"));
  }

  @ParameterizedTest
  @EnumSource(Solver.class)
  void everySolverMakesPictures(Solver solver) {
    ImageBatch made = model.sample(request("a fox").withSampler(solver));
    assertEquals(1, made.count());
  }

  @Test
  void partsAreReleasedBeforeTheNextOnesArePacked() throws IOException {
    byte[] expected = model.sample(request("a fox")).pixels();
    long before = Slab.liveBytes();
    LatentOptions latent = LatentOptions.standard().withResidency(Residency.RELEASE);
    ModelOptions releasing = options().withLatent(latent);
    try (DiffusionModel other = DiffusionModel.open(path("diffusers"), releasing)) {
      long mostWhileSampling = 0;
      List<Long> seen = new ArrayList<>();
      byte[] made =
          other
              .sample(
                  request("a fox"),
                  new Cancellation(),
                  (done, step, steps) -> seen.add(Slab.liveBytes() - before))
              .pixels();
      assertArrayEquals(expected, made);
      for (long bytes : seen) {
        mostWhileSampling = Math.max(mostWhileSampling, bytes);
      }
      List<ComponentUse> uses = other.uses();
      assertEquals(
          List.of("text encoder", "UNet", "first stage, decoding"),
          uses.stream().map(ComponentUse::name).toList());
      // Only the UNet was there while it ran, and nothing is when all is done.
      assertEquals(uses.get(1).bytes(), mostWhileSampling, 0.05 * mostWhileSampling);
      assertEquals(before, Slab.liveBytes());
    }
  }

  @Test
  void partsThatAreKeptAreNotOpenedAgain() throws IOException {
    try (DiffusionModel kept = DiffusionModel.open(path("diffusers"), options())) {
      kept.sample(request("a fox"));
      long held = Slab.liveBytes();
      kept.sample(request("a cat"));
      assertEquals(held, Slab.liveBytes());
      assertTrue(kept.uses().stream().allMatch(use -> use.bytes() == 0), kept.uses().toString());
    }
  }

  @Test
  void stepsAreToldAndCanBeStopped() {
    List<Integer> steps = new ArrayList<>();
    Cancellation cancellation = new Cancellation();
    assertThrows(
        CancellationException.class,
        () ->
            model.sample(
                request("a fox").withSteps(5),
                cancellation,
                (done, step, of) -> {
                  steps.add(step);
                  assertEquals(5, of);
                  if (step == 2) {
                    cancellation.cancel();
                  }
                }));
    assertEquals(List.of(0, 1, 2), steps);
    assertEquals(1, model.sample(request("a fox")).count(), "it is as good as before");
  }

  @Test
  void partsHavePrecisionsOfTheirOwn() throws IOException {
    ModelOptions mixed =
        options()
            .withPrecision(DataType.BF16)
            .withLatent(LatentOptions.standard().withPrecisions(null, DataType.F32, DataType.F32));
    try (DiffusionModel other = DiffusionModel.open(path("diffusers"), mixed)) {
      byte[] rounded = other.sample(request("a fox")).pixels();
      byte[] exact = model.sample(request("a fox")).pixels();
      assertFalse(Arrays.equals(exact, rounded));
      double sum = 0;
      for (int i = 0; i < exact.length; i++) {
        sum += Math.abs((exact[i] & 0xff) - (rounded[i] & 0xff));
      }
      assertTrue(sum / exact.length < 16, "mean difference " + sum / exact.length);
    }
  }

  /** One precision is asked of a model and holds for all of its parts. */
  @Test
  void thePrecisionOfAModelIsThatOfEachPart() throws IOException {
    ModelOptions rounding = options().withPrecision(DataType.BF16);
    byte[] all = made(rounding);
    LatentOptions plain = LatentOptions.standard();
    assertArrayEquals(
        all,
        made(
            options()
                .withLatent(plain.withPrecisions(DataType.BF16, DataType.BF16, DataType.BF16))));
    for (DataType[] other :
        new DataType[][] {
          {DataType.F32, null, null}, {null, DataType.F32, null}, {null, null, DataType.F32}
        }) {
      LatentOptions exact = plain.withPrecisions(other[0], other[1], other[2]);
      assertFalse(Arrays.equals(all, made(rounding.withLatent(exact))), Arrays.toString(other));
    }
  }

  private byte[] made(ModelOptions options) throws IOException {
    try (DiffusionModel other = DiffusionModel.open(path("diffusers"), options)) {
      return other.sample(request("a fox")).pixels();
    }
  }

  @Test
  void tilesLeaveASmallPictureAsItIs() throws IOException {
    LatentOptions tiled = LatentOptions.standard().withTiling(new Tiling(8, 2));
    try (DiffusionModel other =
        DiffusionModel.open(path("diffusers"), options().withLatent(tiled))) {
      assertArrayEquals(
          model.sample(request("a fox")).pixels(), other.sample(request("a fox")).pixels());
      SampleRequest wide = request("a fox").withSize(64, 128);
      ImageBatch cut = other.sample(wide);
      assertEquals(128, cut.width());
      assertFalse(Arrays.equals(model.sample(wide).pixels(), cut.pixels()));
    }
  }

  @Test
  void updatesOfLowRankChangeThePicture() throws IOException {
    String module = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_v";
    float[] down = new float[2 * 64];
    float[] up = new float[32 * 2];
    Arrays.fill(down, 0.2f);
    Arrays.fill(up, 0.3f);
    Path file = folder.resolve("style.safetensors");
    SafetensorsWriter.write(
        file,
        List.of(
            NamedTensor.f32(module + ".lora_down.weight", new long[] {2, 64}, down),
            NamedTensor.f32(module + ".lora_up.weight", new long[] {32, 2}, up)),
        Map.of());
    byte[] plain = model.sample(request("a fox")).pixels();
    assertArrayEquals(plain, updated(file, 0));
    assertFalse(Arrays.equals(plain, updated(file, 1)));
    // Twice a half is once the whole, to the last bits of float32.
    assertClose(updated(file, 1), updated(file, 0.5, 0.5));
  }

  private byte[] updated(Path file, double... scales) throws IOException {
    List<LatentOptions.Update> updates =
        Arrays.stream(scales).mapToObj(scale -> new LatentOptions.Update(file, scale)).toList();
    LatentOptions latent =
        LatentOptions.standard().withUpdates(updates).withResidency(Residency.RELEASE);
    try (DiffusionModel other =
        DiffusionModel.open(path("diffusers"), options().withLatent(latent))) {
      other.sample(request("a cat"));
      return other.sample(request("a fox")).pixels();
    }
  }

  @Test
  void whatALongPromptLosesIsSaid() {
    model.sample(request("a fox ".repeat(60)));
    assertEquals(1, model.notices().size(), model.notices().toString());
  }

  @Test
  void aModelWithoutItsTokenizerSaysSo() {
    IOException refused =
        assertThrows(
            IOException.class, () -> DiffusionModel.open(path("tiny.safetensors"), options()));
    assertTrue(refused.getMessage().contains("has no tokenizer"), refused.getMessage());
  }

  @Test
  void aClosedModelSaysSo() throws IOException {
    DiffusionModel closed = DiffusionModel.open(path("diffusers"), options());
    closed.close();
    closed.close();
    assertThrows(IllegalStateException.class, () -> closed.sample(request("a fox")));
  }

  @Test
  void whatIsNotThereIsRefusedWhereItIsGiven() {
    for (Executable call :
        List.<Executable>of(
            () -> Condition.prompts((String) null),
            () -> Condition.prompts(List.of("x"), null),
            () -> Condition.prompts(Arrays.asList("x", null), ""),
            () -> LatentOptions.standard().withUpdates(null),
            () -> LatentOptions.standard().withUpdates(Collections.singletonList(null)),
            () -> new LatentOptions.Update(null, 1))) {
      String line = assertThrows(IllegalArgumentException.class, call).getMessage();
      assertTrue(line.endsWith("got null"), line);
    }
  }

  @Test
  void aClosedModelIsNotWarmedUp() {
    SampleRequest request = model.request("a fox").withSize(SIDE, SIDE);
    model.close();
    assertThrows(IllegalStateException.class, () -> model.warmUp(request));
  }
}
