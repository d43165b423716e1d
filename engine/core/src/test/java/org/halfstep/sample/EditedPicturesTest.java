package org.halfstep.sample;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.halfstep.checkpoint.TinyPipeline;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.diffusion.Solver;
import org.halfstep.image.ImageBatch;
import org.halfstep.latent.FirstStage;
import org.halfstep.latent.LatentDraw;
import org.halfstep.random.TorchGenerator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Pictures that begin with a picture. */
class EditedPicturesTest {
  private static final int HEIGHT = 64;
  private static final int WIDTH = 48;

  @TempDir private static Path folder;
  private Device device;
  private DiffusionModel model;
  private DiffusionModel inpainting;

  @BeforeAll
  static void write() throws IOException {
    TinyPipeline.write(folder.resolve("tiny"));
  }

  @BeforeEach
  void open() throws IOException {
    device = new CpuDevice();
    ModelOptions options = ModelOptions.standard().withDevice(device);
    model = DiffusionModel.open(folder.resolve("tiny/diffusers"), options);
    inpainting = DiffusionModel.open(folder.resolve("tiny/inpainting"), options);
  }

  @AfterEach
  void close() {
    model.close();
    inpainting.close();
    device.close();
  }

  private static ImageBatch picture(int seed) {
    byte[] pixels = new byte[HEIGHT * WIDTH * 3];
    new Random(seed).nextBytes(pixels);
    return new ImageBatch(1, HEIGHT, WIDTH, 3, pixels);
  }

  /** The right half is painted, from a column that is no multiple of 8. */
  private static ImageBatch mask(int from) {
    byte[] grey = new byte[HEIGHT * WIDTH];
    for (int i = 0; i < grey.length; i++) {
      grey[i] = (byte) (i % WIDTH < from ? 127 : 128);
    }
    return new ImageBatch(1, HEIGHT, WIDTH, 1, grey);
  }

  private SampleRequest request(Edit edit) {
    return model.request("a fox").withSeed(5).withSteps(10).withEdit(edit);
  }

  @Test
  void strengthSaysHowManyStepsAreRun() {
    List<Integer> steps = new ArrayList<>();
    for (double strength : new double[] {0.1, 0.35, 0.8, 1}) {
      SampleRequest request = request(Edit.of(picture(1), strength));
      model.sample(
          request,
          new Cancellation(),
          (done, step, of) -> {
            if (step == 0 && done == 0) {
              steps.add(of);
            }
          });
      assertEquals(2L * (int) (10 * strength), model.evaluations(request));
    }
    assertEquals(List.of(1, 3, 8, 10), steps);
  }

  @Test
  void aLittleStrengthLeavesMoreOfThePicture() {
    ImageBatch one = picture(1);
    ImageBatch two = picture(2);
    double little = difference(edited(one, 0.1), edited(two, 0.1));
    double much = difference(edited(one, 0.9), edited(two, 0.9));
    double all = difference(edited(one, 1), edited(two, 1));
    assertTrue(little > much, little + " and " + much);
    assertEquals(0, all, "from noise alone nothing of the picture is left");
  }

  private byte[] edited(ImageBatch picture, double strength) {
    return model.sample(request(Edit.of(picture, strength))).pixels();
  }

  private static double difference(byte[] a, byte[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += Math.abs((a[i] & 0xff) - (b[i] & 0xff));
    }
    return sum / a.length;
  }

  @Test
  void anEditIsTheSameInAnyCompany() {
    ImageBatch one = picture(1);
    ImageBatch two = picture(2);
    byte[] both = Arrays.copyOf(one.pixels(), 2 * one.pixels().length);
    System.arraycopy(two.pixels(), 0, both, one.pixels().length, two.pixels().length);
    Edit edits = Edit.of(new ImageBatch(2, HEIGHT, WIDTH, 3, both), 0.5);
    SampleRequest request =
        model.request("a fox", "a cat").withSeed(5).withSteps(10).withEdit(edits);
    byte[] together = model.sample(request).pixels();
    byte[] second = model.sample(request.slice(1, 2)).pixels();
    for (int i = 0; i < second.length; i++) {
      assertEquals(second[i] & 0xff, together[second.length + i] & 0xff, 1);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void pixelsOutsideTheMaskAreThePicturesOwn(boolean isMadeForIt) {
    DiffusionModel painter = isMadeForIt ? inpainting : model;
    ImageBatch picture = picture(1);
    Edit edit = Edit.inpainting(picture, mask(21));
    byte[] made = painter.sample(request(edit)).pixels();
    byte[] raw = painter.sample(request(new Edit(picture, 1, mask(21), false, 0))).pixels();
    int changed = 0;
    for (int i = 0; i < made.length; i++) {
      if (i / 3 % WIDTH < 21) {
        assertEquals(picture.pixels()[i], made[i], "pixel " + i / 3);
        changed += raw[i] == made[i] ? 0 : 1;
      } else {
        assertEquals(raw[i], made[i], "pixel " + i / 3);
      }
    }
    assertTrue(changed > made.length / 8, "the first stage changes what it passes on");
  }

  /** An ordinary network is led back: what it kept decides nothing outside the mask. */
  @Test
  void theUnpaintedPartOfAnOrdinaryNetworkEndsAtThePicturesLatents() {
    ImageBatch picture = picture(1);
    Edit nothing = new Edit(picture, 1, mask(WIDTH), false, 0);
    byte[] one = model.sample(request(nothing)).pixels();
    byte[] other = model.sample(request(nothing).withSeed(5).withGuidance(1)).pixels();
    assertArrayEquals(one, other, "with nothing to paint the prompt does not matter");
    Edit all = new Edit(picture, 1, mask(0), false, 0);
    assertArrayEquals(
        model.sample(request(all)).pixels(),
        model
            .sample(model.request("a fox").withSeed(5).withSteps(10).withSize(HEIGHT, WIDTH))
            .pixels(),
        "with everything to paint the picture does not matter");
  }

  @Test
  void whatAnInpaintingNetworkSeesMatters() {
    byte[] one = inpainting.sample(request(Edit.inpainting(picture(1), mask(24)))).pixels();
    byte[] two = inpainting.sample(request(Edit.inpainting(picture(2), mask(24)))).pixels();
    byte[] mask = inpainting.sample(request(Edit.inpainting(picture(1), mask(32)))).pixels();
    int painted = 3 * (WIDTH - 1);
    assertFalse(same(one, two, painted), "the masked picture");
    assertFalse(same(one, mask, painted), "the mask");
    // Pixels below the mask are grey for it: what they were does not matter.
    ImageBatch changed = picture(1);
    for (int i = 0; i < changed.pixels().length; i++) {
      if (i / 3 % WIDTH >= 24) {
        changed.pixels()[i] = 0;
      }
    }
    assertArrayEquals(one, inpainting.sample(request(Edit.inpainting(changed, mask(24)))).pixels());
    // Without a picture everything is painted.
    assertEquals(1, inpainting.sample(inpainting.request("a fox").withSteps(2)).count());
  }

  private static boolean same(byte[] one, byte[] two, int column) {
    for (int i = column; i < one.length; i += 3 * WIDTH) {
      if (one[i] != two[i]) {
        return false;
      }
    }
    return true;
  }

  /** One picture for several images has a latent for each of them, the same alone and together. */
  @ParameterizedTest
  @EnumSource(
      value = NoiseSource.class,
      names = {"OWN", "TORCH"})
  void aSharedPictureIsDrawnForEachImage(NoiseSource noise) {
    SampleRequest request =
        model
            .request("a fox", "a fox")
            .withSeed(5)
            .withSteps(10)
            .withNoise(noise)
            .withEdit(Edit.of(picture(1), 0.1));
    byte[] together = model.sample(request).pixels();
    byte[] second = model.sample(request.slice(1, 2)).pixels();
    for (int i = 0; i < second.length; i++) {
      assertEquals(second[i] & 0xff, together[second.length + i] & 0xff, 1);
    }
  }

  /** PyTorch's programs draw a picture's latent before the noise, and a masked one's after it. */
  @Test
  void latentsOfPicturesAreDrawnInTheirOrder() throws IOException {
    SampleRequest request =
        inpainting
            .request("a", "b")
            .withSeed(9)
            .withNoise(NoiseSource.TORCH)
            .withEdit(Edit.inpainting(picture(1), mask(24)));
    int values = HEIGHT / 8 * (WIDTH / 8) * 4;
    try (Arena arena = Arena.ofConfined();
        LatentComponents components =
            new LatentComponents(
                device,
                folder.resolve("tiny/inpainting"),
                ModelOptions.standard().withDevice(device));
        FirstStage stage = components.openFirstStage(components.use())) {
      EditedLatents edited = new EditedLatents(request, 8, HEIGHT / 8, WIDTH / 8, 4);
      float[] known = edited.known(stage, true, arena).values().toArray(ValueLayout.JAVA_FLOAT);
      float[] mode = new float[values];
      stage.encode(picture(1), LatentDraw.mode(), MemorySegment.ofArray(mode));
      float[] given = new float[values];
      float[] beside = edited.beside(stage, 2, arena).toArray(ValueLayout.JAVA_FLOAT);
      for (int image = 0; image < 2; image++) {
        TorchGenerator generator = new TorchGenerator(9 + image);
        float[] first = new float[values];
        generator.normal(first);
        stage.encode(
            picture(1),
            new LatentDraw((_, out) -> inPlanes(first, out)),
            MemorySegment.ofArray(given));
        assertArrayEquals(given, Arrays.copyOfRange(known, image * values, (image + 1) * values));
        assertFalse(Arrays.equals(mode, given));
        generator.normal(first);
        generator.normal(first);
        assertFalse(
            beside[1] == beside[values / 4 * 5 + 1], "each image has a masked latent of its own");
      }
    }
  }

  private static void inPlanes(float[] planes, float[] out) {
    for (int i = 0; i < out.length; i++) {
      out[i] = planes[i % 4 * (out.length / 4) + i / 4];
    }
  }

  /** Of the same text without guidance, the way there leads back where the way back came from. */
  @Test
  void aPictureComesBackFromItsOwnNoise() {
    ImageBatch picture = picture(1);
    SampleRequest plain = request(Edit.of(picture, 0.2)).withGuidance(0);
    // One step of so many changes nearly nothing but what the first stage does.
    byte[] passed =
        model.sample(plain.withSteps(1000).withEdit(inverting(picture, "a fox", 0.001))).pixels();
    double few = difference(passed, back(plain.withSteps(10), picture, "a fox"));
    double many = difference(passed, back(plain.withSteps(200), picture, "a fox"));
    assertTrue(many < few / 4, "errors of 2 and 40 steps: " + few + ", " + many);
    double noised = difference(passed, model.sample(plain.withSteps(200)).pixels());
    double other = difference(passed, back(plain.withSteps(200), picture, "a cat on a tree"));
    assertTrue(many < noised / 4, many + ", with random noise " + noised);
    assertTrue(many < other, "another text leads elsewhere: " + other);
    SampleRequest counted = plain.withSteps(10).withEdit(inverting(picture, "a fox", 0.2));
    assertEquals(4, model.evaluations(counted));
  }

  private byte[] back(SampleRequest request, ImageBatch picture, String source) {
    return model.sample(request.withEdit(inverting(picture, source, 0.2))).pixels();
  }

  private static Edit inverting(ImageBatch picture, String source, double strength) {
    return Edit.inverting(picture, strength, Condition.prompts(source));
  }

  @Test
  void whatCannotBeTakenBackIsRefused() {
    Edit edit = inverting(picture(1), "a", 0.5);
    assertTrue(
        assertThrows(
                IllegalArgumentException.class,
                () -> model.sample(request(edit).withSampler(Solver.EULER_ANCESTRAL)))
            .getMessage()
            .contains("use ddim"));
    assertThrows(
        IllegalArgumentException.class,
        () -> new Edit(picture(1), 1, mask(3), true, 0, Condition.prompts("a")));
    assertThrows(
        IllegalArgumentException.class,
        () -> model.request("a", "b").withEdit(inverting(picture(1), "a", 1)));
  }

  @Test
  void aConsistencyModelSpreadsItsSteps() throws IOException {
    try (DiffusionModel consistency =
        DiffusionModel.open(
            folder.resolve("tiny/lcm"), ModelOptions.standard().withDevice(device))) {
      SampleRequest half =
          consistency.request("a fox").withSteps(4).withEdit(Edit.of(picture(1), 0.5));
      assertEquals(4, consistency.evaluations(half));
      assertEquals(499, consistency.beginning(half).timeInput());
      assertEquals(4, consistency.beginning(half).steps());
      ImageBatch one = consistency.sample(half);
      ImageBatch two = consistency.sample(half.withEdit(Edit.of(picture(2), 0.5)));
      assertFalse(Arrays.equals(one.pixels(), two.pixels()), "the picture matters");
      SampleRequest whole = half.withEdit(Edit.of(picture(1), 1));
      assertEquals(999, consistency.beginning(whole).timeInput());
      assertArrayEquals(
          consistency.sample(whole).pixels(),
          consistency.sample(whole.withEdit(Edit.of(picture(2), 1))).pixels());
      assertTrue(
          assertThrows(
                  IllegalArgumentException.class,
                  () -> consistency.sample(half.withEdit(Edit.of(picture(1), 0.05))))
              .getMessage()
              .contains("the smallest one is 0.08"));
    }
  }

  @Test
  void aFeatheredEdgeIsSoft() {
    float[] hard = new float[8 * 40];
    for (int i = 0; i < hard.length; i++) {
      hard[i] = i % 40 < 20 ? 0 : 1;
    }
    float[] soft = new Feather(hard, 8, 40).over(4);
    for (int x = 0; x < 40; x++) {
      // The mean of nine pixels, those beyond the border like the last one.
      double expected = Math.clamp((x - 15) / 9.0, 0, 1);
      assertEquals(expected, soft[3 * 40 + x], 1e-6, "column " + x);
    }
  }
}
