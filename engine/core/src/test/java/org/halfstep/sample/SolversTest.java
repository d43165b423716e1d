package org.halfstep.sample;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.diffusion.Betas;
import org.halfstep.diffusion.LinearMap;
import org.halfstep.diffusion.NoiseSchedule;
import org.halfstep.diffusion.Parameterization;
import org.halfstep.diffusion.SamplingSchedule;
import org.halfstep.diffusion.SamplingStep;
import org.halfstep.diffusion.Solver;
import org.halfstep.diffusion.TimeGrid;
import org.halfstep.diffusion.TimeGrid.End;
import org.halfstep.diffusion.TimeGrid.Spacing;
import org.halfstep.image.ImageBatch;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.SingleEvaluation;
import org.halfstep.model.TinyNetworks;
import org.halfstep.model.UNetConfig;
import org.halfstep.random.Philox;
import org.halfstep.random.TorchGenerator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * What a sampler makes is what its steps say, followed in double: solvers that read several earlier
 * predictions, that start from less noise, and the noise of other programs. The steps themselves
 * are tested beside their formulas.
 */
class SolversTest {
  private static final int SIDE = 8;
  private static final int VALUES = SIDE * SIDE;
  private static final long SEED = 4;
  private static final double W = 1.5;
  private static final int[] LABELS = {0, 2, 1};

  private Device device;
  private Network<UNetConfig, ModelCard> teacher;

  @BeforeEach
  void open() {
    device = new CpuDevice();
    try (Network<UNetConfig, ModelCard> pixels = TinyNetworks.teacher(device, SIDE, 8)) {
      teacher =
          pixels.withCard(
              card ->
                  card.withDiffusion(
                      Betas.STABLE_DIFFUSION,
                      Parameterization.EPS,
                      new TimeGrid(Spacing.LEADING, 1, End.FIRST_LEVEL)));
    }
  }

  @AfterEach
  void close() {
    teacher.close();
    device.close();
  }

  private static float[] sample(Sampler sampler, SampleRequest request) {
    try (Arena arena = Arena.ofConfined()) {
      float[] images = new float[request.count() * VALUES];
      MemorySegment memory = arena.allocate((long) Float.BYTES * images.length, Float.BYTES);
      sampler.sample(request, memory);
      MemorySegment.ofArray(images).copyFrom(memory);
      return images;
    }
  }

  @ParameterizedTest
  @CsvSource({
    "PNDM,1,LEADING,OWN",
    "PNDM,2,LEADING,OWN",
    "PNDM,8,LEADING,OWN",
    "PNDM,5,TRAILING,TORCH",
    "EULER,4,LINSPACE,OWN",
    "EULER,4,LEADING,NUMPY",
    "EULER,5,KARRAS,OWN",
    "EULER_ANCESTRAL,4,LINSPACE,TORCH",
    "EULER_ANCESTRAL,4,KARRAS,TORCH_GPU",
    "DPM_SOLVER,6,KARRAS,OWN",
    "HEUN,1,UNIFORM,OWN",
    "HEUN,4,UNIFORM,OWN",
    "HEUN,3,TRAILING,TORCH",
    "CONSISTENCY,3,CONSISTENCY,TORCH",
    "CONSISTENCY,3,CONSISTENCY,NUMPY_TORCH"
  })
  void imagesAreWhatTheStepsSay(Solver solver, int n, Spacing spacing, NoiseSource noise) {
    SampleRequest request =
        SampleRequest.of(LABELS, SEED, W, n)
            .withSampler(solver)
            .withSpacing(spacing)
            .withFirstImage(3)
            .withNoise(noise);
    TimeGrid grid = teacher.card().timeGrid().withSpacing(spacing);
    SamplingSchedule path = SamplingSchedule.of(solver, teacher.card().noiseSchedule(), grid, n);
    try (Sampler sampler = new Sampler(teacher);
        SingleEvaluation single = new SingleEvaluation(teacher)) {
      float[] images = sample(sampler, request);
      for (int image = 0; image < LABELS.length; image++) {
        double[] expected = follow(path, single, request, image);
        double largest = Arrays.stream(expected).map(Math::abs).max().orElseThrow();
        for (int i = 0; i < VALUES; i++) {
          assertEquals(expected[i], images[image * VALUES + i], 5e-4 * largest, "image " + image);
        }
      }
      assertEquals(
          sampler.evaluations(request) * LABELS.length, single.evaluations(), "evaluations");
    }
  }

  /**
   * A pixel network that may begin with a picture: latent ones do, and these are easier to follow.
   */
  private record Editable(PixelDenoiser pixels) implements Denoiser {
    @Override
    public Device device() {
      return pixels.device();
    }

    @Override
    public ModelCard card() {
      return pixels.card();
    }

    @Override
    public int height() {
      return SIDE;
    }

    @Override
    public int width() {
      return SIDE;
    }

    @Override
    public int channels() {
      return 1;
    }

    @Override
    public TimeGrid grid(Solver solver, Spacing spacing, End end) {
      return pixels.grid(solver, spacing, end);
    }

    @Override
    public void requireCondition(SampleRequest request) {}

    @Override
    public Evaluation evaluation(Device stream, int batch, int branches, DataType type) {
      return pixels.evaluation(stream, batch, branches, type);
    }
  }

  /**
   * z begins as alpha x + sigma n at the first of the steps that are run; where the mask keeps, it
   * is that again at the level of each next step, with the same n, and x itself at the end.
   */
  @ParameterizedTest
  @CsvSource({"0.6,false", "0.6,true", "1,true"})
  void aPictureIsNoisedToTheFirstStepAndLedBackToAfterEach(double strength, boolean masked) {
    int n = 5;
    double[] picture = new double[LABELS.length * VALUES];
    float[] values = new float[picture.length];
    boolean[] painted = new boolean[VALUES];
    for (int i = 0; i < picture.length; i++) {
      values[i] = (float) Math.sin(i);
      picture[i] = values[i];
      painted[i % VALUES] = i % 3 == 0;
    }
    ImageBatch size = new ImageBatch(1, SIDE, SIDE, 3, new byte[VALUES * 3]);
    SampleRequest request = SampleRequest.of(LABELS, SEED, W, n).withEdit(Edit.of(size, strength));
    SamplingSchedule path =
        SamplingSchedule.ofLast(
            Solver.DDIM,
            teacher.card().noiseSchedule(),
            teacher.card().timeGrid(),
            n,
            (int) (strength * n));
    float[] got = new float[picture.length];
    try (Sampler sampler = new Sampler(new Editable(new PixelDenoiser(teacher)), 2, DataType.F32);
        SingleEvaluation single = new SingleEvaluation(teacher)) {
      sampler.sample(
          request,
          new KnownImage(MemorySegment.ofArray(values), masked ? painted : null),
          ForeignDraws.NONE,
          MemorySegment.ofArray(got),
          new Cancellation(),
          SampleProgress.NONE);
      for (int image = 0; image < LABELS.length; image++) {
        double[] x = Arrays.copyOfRange(picture, image * VALUES, (image + 1) * VALUES);
        double[] noise = noise(request, image, 0, null);
        List<SamplingStep> steps = path.steps();
        double[] z = strength == 1 ? noise : noised(x, noise, steps.getFirst());
        for (int k = 0; k < steps.size(); k++) {
          z = follow(new SamplingSchedule(List.of(steps.get(k))), single, request, image, z, null);
          if (masked) {
            double[] known = k + 1 < steps.size() ? noised(x, noise, steps.get(k + 1)) : x;
            for (int i = 0; i < VALUES; i++) {
              z[i] = painted[i] ? z[i] : known[i];
            }
          }
        }
        double largest = Arrays.stream(z).map(Math::abs).max().orElseThrow();
        for (int i = 0; i < VALUES; i++) {
          assertEquals(z[i], got[image * VALUES + i], 5e-4 * largest, image + " at " + i);
        }
      }
    }
  }

  /**
   * The way back from a picture: at each time, in rising order, the network is told of that time
   * and not of the next, and z turns by the angle between the two.
   */
  @Test
  void aPictureIsTakenBackByTheNetworkAtTheTimeThatItIsAt() {
    int n = 5;
    float[] values = new float[LABELS.length * VALUES];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) Math.sin(i);
    }
    ImageBatch size = new ImageBatch(1, SIDE, SIDE, 3, new byte[VALUES * 3]);
    SampleRequest request = SampleRequest.of(LABELS, SEED, 0, n).withEdit(Edit.of(size, 0.6));
    NoiseSchedule schedule = teacher.card().noiseSchedule();
    // Leading levels 401, 201 and 1 of the last three steps, and the first level where they end.
    int[] levels = {0, 1, 201, 401};
    float[] got = new float[values.length];
    try (Sampler sampler = new Sampler(new Editable(new PixelDenoiser(teacher)), 2, DataType.F32);
        SingleEvaluation single = new SingleEvaluation(teacher)) {
      sampler.invert(
          request,
          KnownImage.start(MemorySegment.ofArray(values)),
          MemorySegment.ofArray(got),
          new Cancellation(),
          SampleProgress.NONE);
      for (int image = 0; image < LABELS.length; image++) {
        double[] z = new double[VALUES];
        for (int i = 0; i < VALUES; i++) {
          z[i] = values[image * VALUES + i];
        }
        for (int k = 0; k + 1 < levels.length; k++) {
          double alpha = schedule.alpha((levels[k] + 1) / 1000.0);
          double sigma = schedule.sigma((levels[k] + 1) / 1000.0);
          double nextAlpha = schedule.alpha((levels[k + 1] + 1) / 1000.0);
          double nextSigma = schedule.sigma((levels[k + 1] + 1) / 1000.0);
          double[] eps = single.at(z, levels[k], LABELS[image], 0);
          for (int i = 0; i < VALUES; i++) {
            double x = (z[i] - sigma * eps[i]) / alpha;
            z[i] = nextAlpha * x + nextSigma * eps[i];
          }
        }
        double largest = Arrays.stream(z).map(Math::abs).max().orElseThrow();
        for (int i = 0; i < VALUES; i++) {
          assertEquals(z[i], got[image * VALUES + i], 5e-4 * largest, image + " at " + i);
        }
      }
    }
  }

  private static double[] noised(double[] x, double[] noise, SamplingStep at) {
    double[] z = new double[VALUES];
    for (int i = 0; i < VALUES; i++) {
      z[i] = at.alpha() * x[i] + at.sigma() * noise[i];
    }
    return z;
  }

  private static double[] follow(
      SamplingSchedule path, SingleEvaluation network, SampleRequest request, int image) {
    NoiseSource.Draws draws =
        request.noise() == NoiseSource.OWN
            ? null
            : request.noise().draws(SEED + request.firstImage() + image);
    double[] z = noise(request, image, 0, draws);
    for (int i = 0; i < VALUES; i++) {
      z[i] *= path.start();
    }
    return follow(path, network, request, image, z, draws);
  }

  private static double[] follow(
      SamplingSchedule path,
      SingleEvaluation network,
      SampleRequest request,
      int image,
      double[] start,
      NoiseSource.Draws draws) {
    double[] z = start;
    List<double[]> kept = new ArrayList<>();
    for (int k = 0; k < path.steps().size(); k++) {
      SamplingStep step = path.steps().get(k);
      double[] eps = network.at(z, step.timeInput(), request.labels()[image], W);
      double[] without = network.at(z, step.timeInput(), TinyNetworks.CLASSES, W);
      double[] fresh = step.noise() == 0 ? null : noise(request, image, k + 1, draws);
      LinearMap toV = Parameterization.EPS.to(Parameterization.V, step.alpha(), step.sigma());
      LinearMap toKept = Parameterization.EPS.to(step.history().of(), step.alpha(), step.sigma());
      double[] next = new double[VALUES];
      double[] keeps = new double[VALUES];
      for (int i = 0; i < VALUES; i++) {
        double guided = (1 + W) * eps[i] - W * without[i];
        double v = toV.onZ() * z[i] + toV.onOutput() * guided;
        keeps[i] = toKept.onZ() * z[i] + toKept.onOutput() * guided;
        next[i] = step.toNext().onZ() * z[i] + step.toNext().onOutput() * v;
        for (int j = 0; j < step.history().onPrevious().size(); j++) {
          next[i] += step.history().onPrevious().get(j) * kept.get(j)[i];
        }
        next[i] += fresh == null ? 0 : step.noise() * fresh[i];
      }
      if (step.history().keeps()) {
        kept.addFirst(keeps);
      }
      z = next;
    }
    return z;
  }

  private static double[] noise(
      SampleRequest request, int image, int draw, NoiseSource.Draws draws) {
    float[] noise = new float[VALUES];
    if (draws == null) {
      Philox.normal(SEED, request.firstImage() + image, draw, noise);
    } else {
      draws.next(noise);
    }
    double[] values = new double[VALUES];
    for (int i = 0; i < VALUES; i++) {
      values[i] = noise[i];
    }
    return values;
  }

  /** The end of the path is one of the things that tell two schedules apart. */
  @Test
  void theLastStepLeadsWhereARequestSays() {
    SampleRequest usual = SampleRequest.of(LABELS, SEED, W, 4);
    NoiseSchedule levels = teacher.card().noiseSchedule();
    try (Sampler sampler = new Sampler(teacher);
        SingleEvaluation single = new SingleEvaluation(teacher)) {
      for (End end : new End[] {End.FIRST_LEVEL, End.CLEAN, End.FIRST_LEVEL}) {
        TimeGrid grid = new TimeGrid(Spacing.LEADING, 1, end);
        SamplingSchedule path = SamplingSchedule.of(Solver.DDIM, levels, grid, 4);
        float[] images = sample(sampler, usual.withEnd(end));
        double[] expected = follow(path, single, usual, 0);
        for (int i = 0; i < VALUES; i++) {
          assertEquals(expected[i], images[i], 1e-4 * Math.max(1, Math.abs(expected[i])), "" + end);
        }
      }
    }
  }

  /** NumPy's for what an image begins with, PyTorch's from its own beginning behind it. */
  @Test
  void twoProgramsDrawOneAfterTheOther() {
    float[] first = new float[32];
    float[] second = new float[32];
    NoiseSource.Draws both = NoiseSource.NUMPY_TORCH.draws(0);
    both.next(first);
    both.next(second);
    assertEquals(1.76405235f, first[0]);
    assertEquals(-1.1258398f, second[0]);
    both.next(first);
    float[] expected = new float[32];
    NoiseSource.Draws torch = NoiseSource.TORCH.draws(0);
    torch.next(expected);
    torch.next(expected);
    assertArrayEquals(expected, first);
  }

  /** PyTorch's first numbers of seed 0, as it prints them; planes of an image come one by one. */
  @Test
  void foreignNoiseLiesInPlanes() {
    float[] values = new float[2 * 3 * 12];
    MemorySegment memory = MemorySegment.ofArray(values);
    NoiseSource.TORCH.write(0, new ForeignDraws(1, 1), 2, 36, 3, memory, 0, 36L * Float.BYTES);
    float[] between = new float[36];
    NoiseSource.TORCH.write(0, 2, 3, between);
    TorchGenerator generator = new TorchGenerator(0);
    float[] planes = new float[36];
    generator.normal(planes);
    assertEquals(-1.1258398, planes[0], 1e-6);
    for (int draw = 0; draw < 2; draw++) {
      generator.normal(planes);
      if (draw == 1) {
        assertEquals(planes[12], between[1], "of the first pixel the second channel");
        generator.normal(planes);
      }
      for (int pixel = 0; pixel < 12; pixel++) {
        for (int channel = 0; channel < 3; channel++) {
          assertEquals(
              planes[channel * 12 + pixel], values[draw * 36 + pixel * 3 + channel], "skipped one");
        }
      }
    }
  }

  @Test
  void whatDoesNotGoTogetherIsRefused() {
    try (Sampler sampler = new Sampler(teacher)) {
      SampleRequest request = SampleRequest.of(LABELS, SEED, 0, 4);
      refused(sampler, request.withSampler(Solver.PNDM).withClip(true), "clips no images");
      refused(sampler, request.withCondition(Condition.prompts("a", "b", "c")), "no prompts");
      refused(sampler, request.withCondition(Condition.none(3)), "3 labels");
      refused(sampler, request.withSize(16, 8), "8x8");
      refused(sampler, request.withNoise(NoiseSource.NUMPY).withSeed(-1), "4294967295");
    }
    try (Network<UNetConfig, ModelCard> zero =
            teacher.withCard(
                card ->
                    card.withDiffusion(
                        Betas.STABLE_DIFFUSION.withZeroTerminal(),
                        Parameterization.V,
                        new TimeGrid(Spacing.TRAILING, 0, End.CLEAN)));
        Sampler sampler = new Sampler(zero)) {
      SampleRequest request = SampleRequest.of(LABELS, SEED, 0, 4);
      refused(sampler, request.withSampler(Solver.PNDM), "DPM_SOLVER");
      refused(sampler, request.withSpacing(Spacing.KARRAS), "TRAILING");
    }
  }

  private static void refused(Sampler sampler, SampleRequest request, String expected) {
    IllegalArgumentException refused =
        assertThrows(IllegalArgumentException.class, () -> sample(sampler, request));
    assertTrue(refused.getMessage().contains(expected), refused.getMessage());
    assertFalse(refused.getMessage().contains("\n"));
  }
}
