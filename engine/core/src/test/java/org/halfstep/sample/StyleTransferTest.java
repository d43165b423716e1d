package org.halfstep.sample;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.halfstep.checkpoint.TinyPipeline;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.diffusion.NoiseSchedule;
import org.halfstep.image.ImageBatch;
import org.halfstep.model.Network;
import org.halfstep.model.SingleEvaluation;
import org.halfstep.model.UNetConfig;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Pictures taken to their noise and back, and made into others. */
class StyleTransferTest {
  private static final int SIDE = 8;
  private static final int VALUES = SIDE * SIDE;
  private static final NoiseSchedule SCHEDULE =
      new NoiseSchedule.TruncatedCosine(NoiseSchedule.MAX_LOG_SNR);

  @TempDir private Path folder;
  private Device device;
  private ModelOptions options;

  @BeforeEach
  void open() {
    device = new CpuDevice();
    options = ModelOptions.standard().withDevice(device);
  }

  @AfterEach
  void close() {
    device.close();
  }

  private static ImageBatch pictures(int count) {
    byte[] pixels = new byte[count * VALUES];
    new Random(3).nextBytes(pixels);
    return new ImageBatch(count, SIDE, SIDE, 1, pixels);
  }

  private static StyleTransfer.Result run(StyleTransfer transfer, int from, int to) {
    int[] shown = new int[3];
    int[] made = new int[3];
    Arrays.fill(shown, from);
    Arrays.fill(made, to);
    return transfer.run(
        pictures(3), Condition.labels(shown), Condition.labels(made), new Cancellation());
  }

  /** One picture's way in double, by the formulas of the papers, evaluation by evaluation. */
  private static double[] way(
      SingleEvaluation network, double[] start, int steps, int label, double w, boolean up) {
    double[] z = start.clone();
    for (int i = 0; i < steps; i++) {
      double t = up ? (double) i / steps : (double) (steps - i) / steps;
      double s = up ? (i + 1.0) / steps : (steps - i - 1.0) / steps;
      double[] v = network.v(z, t, label, w);
      for (int j = 0; j < z.length; j++) {
        double x = alpha(t) * z[j] - sigma(t) * v[j];
        double eps = sigma(t) * z[j] + alpha(t) * v[j];
        z[j] = alpha(s) * x + sigma(s) * eps;
      }
    }
    return z;
  }

  private static double alpha(double t) {
    return t == 0 ? 1 : SCHEDULE.alpha(t);
  }

  private static double sigma(double t) {
    return t == 0 ? 0 : SCHEDULE.sigma(t);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 4})
  void encoderAndDecoderTakeTheStepsOfThePaper(int steps) throws IOException {
    Path up = TinyModels.encoder(folder.resolve("encoder.safetensors"), steps);
    Path down = TinyModels.student(folder.resolve("student.safetensors"), steps);
    try (DiffusionModel encoder = DiffusionModel.open(up, options);
        DiffusionModel decoder = DiffusionModel.open(down, options);
        Network<UNetConfig, ?> encoding = Network.load(device, UNetConfig.FORMAT, up);
        Network<UNetConfig, ?> decoding = Network.load(device, UNetConfig.FORMAT, down)) {
      StyleTransfer transfer = StyleTransfer.of(encoder, decoder).withGuidance(2);
      assertEquals(2L * steps, transfer.evaluations());
      StyleTransfer.Result result = run(transfer, 1, 2);
      try (SingleEvaluation first = new SingleEvaluation(cast(encoding));
          SingleEvaluation second = new SingleEvaluation(cast(decoding))) {
        ImageBatch pictures = pictures(3);
        for (int picture = 0; picture < 3; picture++) {
          double[] x = new double[VALUES];
          for (int i = 0; i < VALUES; i++) {
            x[i] = (pictures.pixels()[picture * VALUES + i] & 0xff) / 127.5 - 1;
          }
          double[] code = way(first, x, steps, 1, 0, true);
          expect(way(second, code, steps, 2, 2, false), result.made(), picture);
          expect(way(second, code, steps, 1, 0, false), result.back(), picture);
        }
      }
      assertArrayEquals(pictures(3).pixels(), result.plain().pixels());
    }
  }

  @SuppressWarnings("unchecked")
  private static Network<UNetConfig, org.halfstep.model.ModelCard> cast(
      Network<UNetConfig, ?> network) {
    return (Network<UNetConfig, org.halfstep.model.ModelCard>) network;
  }

  /** Rounded to 8 bits, a number may be one off. */
  private static void expect(double[] image, ImageBatch found, int picture) {
    for (int i = 0; i < VALUES; i++) {
      double level = Math.clamp((image[i] + 1) * 127.5, 0, 255);
      assertEquals(level, found.pixels()[picture * VALUES + i] & 0xff, 0.51, "number " + i);
    }
  }

  @Test
  void manyStepsOfATeacherBringPicturesBack() throws IOException {
    Path file = TinyModels.teacher(folder.resolve("teacher.safetensors"), 0.3f);
    try (DiffusionModel teacher = DiffusionModel.open(file, options)) {
      StyleTransfer transfer = StyleTransfer.of(teacher, teacher);
      assertEquals(32, transfer.evaluations());
      double few = run(transfer.withSteps(8), 0, 1).latentError();
      double more = run(transfer.withSteps(32), 0, 1).latentError();
      double many = run(transfer.withSteps(128), 0, 1).latentError();
      // Of first order: four times the steps, a quarter of the error.
      assertTrue(many < more / 3 && more < few / 3, few + ", " + more + ", " + many);
      assertNotEquals(
          Arrays.hashCode(run(transfer, 0, 1).made().pixels()),
          Arrays.hashCode(run(transfer, 0, 2).made().pixels()));
      assertEquals(16 + 2 * 16, transfer.withGuidance(1).evaluations());
    }
  }

  @Test
  void modelsThatDoNotGoTogetherAreRefused() throws IOException {
    Path up = TinyModels.encoder(folder.resolve("encoder.safetensors"), 4);
    Path down = TinyModels.student(folder.resolve("student.safetensors"), 2);
    Path plain = TinyModels.teacher(folder.resolve("teacher.safetensors"));
    Path tiny = folder.resolve("tiny");
    TinyPipeline.write(tiny);
    try (DiffusionModel encoder = DiffusionModel.open(up, options);
        DiffusionModel decoder = DiffusionModel.open(down, options);
        DiffusionModel teacher = DiffusionModel.open(plain, options);
        DiffusionModel latent = DiffusionModel.open(tiny.resolve("diffusers"), options)) {
      refused("one teacher", () -> StyleTransfer.of(encoder, latent));
      refused("takes pictures to noise", () -> run(StyleTransfer.of(encoder, encoder), 0, 1));
      refused("with its teacher", () -> run(StyleTransfer.of(decoder, decoder), 0, 1));
      refused(
          "was distilled for 4 steps",
          () -> run(new StyleTransfer(encoder, 3, decoder, 2, 0), 0, 1));
      refused(
          "guidance w in [0.0, 4.0]",
          () -> run(StyleTransfer.of(teacher, decoder).withGuidance(5), 0, 1));
      refused(
          "8x8x1",
          () ->
              StyleTransfer.of(encoder, decoder)
                  .run(
                      new ImageBatch(1, 4, 4, 1, new byte[16]),
                      Condition.labels(0),
                      Condition.labels(1),
                      new Cancellation()));
      refused("takes pictures to noise", () -> encoder.sample(encoder.request(0)));
    }
  }

  private static void refused(String what, Runnable work) {
    String message = assertThrows(IllegalArgumentException.class, work::run).getMessage();
    assertTrue(message.contains(what), message);
    assertEquals(1, message.lines().count(), message);
  }

  @Test
  void aLatentTeacherBothWaysIsTheEditWithASource() throws IOException {
    Path tiny = folder.resolve("tiny");
    TinyPipeline.write(tiny);
    byte[] pixels = new byte[64 * 48 * 3];
    new Random(5).nextBytes(pixels);
    ImageBatch picture = new ImageBatch(1, 64, 48, 3, pixels);
    try (DiffusionModel model = DiffusionModel.open(tiny.resolve("diffusers"), options)) {
      StyleTransfer transfer = StyleTransfer.of(model, model).withSteps(6).withGuidance(1.5);
      StyleTransfer.Result result =
          transfer.run(
              picture,
              Condition.prompts("a red fox"),
              Condition.prompts("a cat"),
              new Cancellation());
      SampleRequest edit =
          model
              .request("a cat")
              .withSteps(6)
              .withGuidance(1.5)
              .withSampler(model.card().solver())
              .withEdit(Edit.inverting(picture, 1, Condition.prompts("a red fox")));
      assertArrayEquals(model.sample(edit).pixels(), result.made().pixels());
      assertEquals(model.evaluations(edit), transfer.evaluations());
      SampleRequest same = edit.withCondition(Condition.prompts("a red fox")).withGuidance(0);
      assertArrayEquals(model.sample(same).pixels(), result.back().pixels());
      assertNotEquals(
          Arrays.hashCode(result.plain().pixels()), Arrays.hashCode(result.back().pixels()));
    }
  }

  @Test
  void aNaiveStudentIsGuidedByTwoEvaluations() throws IOException {
    Path file = TinyModels.naive(folder.resolve("naive.safetensors"), 2);
    Path plain = TinyModels.teacher(folder.resolve("teacher.safetensors"));
    try (DiffusionModel naive = DiffusionModel.open(file, options);
        DiffusionModel teacher = DiffusionModel.open(plain, options)) {
      SampleRequest request = naive.request(0, 1, 2).withGuidance(1.5);
      assertEquals(2, request.steps());
      assertEquals(4, naive.evaluations(request));
      assertEquals(2, naive.evaluations(request.withGuidance(0)));
      refused("was distilled for 2 steps", () -> naive.sample(request.withSteps(3)));
      // Of the same weights, it is the teacher with so many steps.
      assertArrayEquals(
          teacher.sample(teacher.request(0, 1, 2).withSteps(2).withGuidance(1.5)).pixels(),
          naive.sample(request).pixels());
    }
  }
}
