package org.halfstep.sample;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Map;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.diffusion.Betas;
import org.halfstep.diffusion.Chain;
import org.halfstep.diffusion.NoiseSchedule;
import org.halfstep.diffusion.Parameterization;
import org.halfstep.diffusion.Solver;
import org.halfstep.diffusion.TimeGrid;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.SingleEvaluation;
import org.halfstep.model.TinyNetworks;
import org.halfstep.model.UNetConfig;
import org.halfstep.random.Philox;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SamplerTest {
  private static final int SIDE = 8;
  private static final int VALUES = SIDE * SIDE;
  private static final long SEED = 4;
  private static final int[] LABELS = {0, 1, 2, 1, 0};
  private NoiseSchedule schedule = new NoiseSchedule.TruncatedCosine(NoiseSchedule.MAX_LOG_SNR);

  private Device device;
  private Network<UNetConfig, ModelCard> teacher;

  @BeforeEach
  void open() {
    device = new CpuDevice();
    teacher = TinyNetworks.teacher(device, SIDE, 8);
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
    "DDIM,1,0,false",
    "DDIM,3,0,false",
    "DDIM,3,1.5,false",
    "DDIM,3,1.5,true",
    "ANCESTRAL,1,1.5,false",
    "ANCESTRAL,3,1.5,false",
    "ANCESTRAL,3,0,true",
    "STOCHASTIC,1,0,false",
    "STOCHASTIC,4,0,false",
    "STOCHASTIC,4,1.5,true",
    "DPM_SOLVER,1,0,false",
    "DPM_SOLVER,4,1.5,false",
    "DPM_SOLVER,16,0,true"
  })
  @DisplayName("Each sampler is its plain loop in double over single evaluations, N of them")
  void isThePlainLoop(Solver kind, int steps, double w, boolean clip) {
    requirePlainLoop(
        teacher, SampleRequest.of(LABELS, SEED, w, steps).withSampler(kind).withClip(clip));
  }

  @ParameterizedTest
  @CsvSource({
    "EPS,DDIM,4,LEADING,1,FIRST_LEVEL",
    "EPS,DPM_SOLVER,20,LINSPACE,0,CLEAN",
    "EPS,ANCESTRAL,3,TRAILING,0,CLEAN",
    "V,DDIM,3,TRAILING,0,CLEAN",
    "X,STOCHASTIC,4,UNIFORM,0,CLEAN",
    "EPS,CONSISTENCY,4,CONSISTENCY,0,CLEAN",
    "V,CONSISTENCY,3,CONSISTENCY,0,CLEAN"
  })
  @DisplayName("So it is on a discrete schedule, for networks that predict eps or x")
  void isThePlainLoopOnNumberedLevels(
      Parameterization output,
      Solver solver,
      int steps,
      TimeGrid.Spacing spacing,
      int offset,
      TimeGrid.End end) {
    TimeGrid grid = new TimeGrid(spacing, offset, end);
    try (Network<UNetConfig, ModelCard> other =
        teacher.withCard(card -> card.withDiffusion(Betas.STABLE_DIFFUSION, output, grid))) {
      schedule = other.card().noiseSchedule();
      requirePlainLoop(other, SampleRequest.of(LABELS, SEED, 1.5, steps).withSampler(solver));
    }
  }

  private void requirePlainLoop(Network<UNetConfig, ModelCard> network, SampleRequest request) {
    int steps = request.steps();
    double w = request.guidance();
    try (Sampler sampler = new Sampler(network);
        SingleEvaluation single = new SingleEvaluation(network)) {
      float[] images = sample(sampler, request);
      for (int image = 0; image < LABELS.length; image++) {
        double[] expected = loop(single, network.card(), request, image);
        double largest = Arrays.stream(expected).map(Math::abs).max().orElseThrow();
        for (int i = 0; i < VALUES; i++) {
          assertEquals(expected[i], images[image * VALUES + i], 5e-4 * largest, "image " + image);
        }
      }
      assertEquals((w == 0 ? 1 : 2) * steps, sampler.evaluations(request));
      assertEquals(
          sampler.evaluations(request) * LABELS.length, single.evaluations(), "evaluations");
    }
  }

  /** The samplers as the specification writes them: x and eps, no angles. */
  private double[] loop(
      SingleEvaluation network, ModelCard card, SampleRequest request, int image) {
    int n = request.steps();
    double[] times =
        request.sampler() == Solver.DPM_SOLVER
            ? card.timeGrid().multistepTimes(schedule, n)
            : card.timeGrid().times(schedule, n);
    double[] z = noise(image, 0);
    double[] before = null;
    for (int i = 0; i < n; i++) {
      double t = times[i];
      double s = times[i + 1];
      double[] x = image(network, card.predicts(), request, z, t, request.labels()[image]);
      if (s == 0) {
        return x;
      }
      double[] fresh = noise(image, i + 1);
      z =
          switch (request.sampler()) {
            case DDIM -> step(z, x, t, s);
            case ANCESTRAL -> ancestral(z, x, t, s, fresh);
            case STOCHASTIC -> forward(step(z, x, t, times[i + 2]), times[i + 2], s, fresh);
            case DPM_SOLVER -> dpmSolver(z, x, before, i == 0 ? 0 : times[i - 1], t, s);
            case CONSISTENCY -> noised(x, s, fresh);
            case PNDM, EULER, EULER_ANCESTRAL, HEUN -> throw new IllegalArgumentException();
          };
      before = x;
    }
    return z;
  }

  /** At these levels z itself counts for less than float32 tells apart. */
  private double[] noised(double[] x, double s, double[] fresh) {
    double[] next = new double[VALUES];
    for (int i = 0; i < VALUES; i++) {
      next[i] = alpha(s) * x[i] + sigma(s) * fresh[i];
    }
    return next;
  }

  private double[] dpmSolver(
      double[] z, double[] x, double[] before, double earlier, double t, double s) {
    double h = (schedule.logSnr(s) - schedule.logSnr(t)) / 2;
    double[] next = new double[VALUES];
    for (int i = 0; i < VALUES; i++) {
      double d = x[i];
      if (before != null) {
        double r = (schedule.logSnr(t) - schedule.logSnr(earlier)) / 2 / h;
        d += (x[i] - before[i]) / (2 * r);
      }
      next[i] = sigma(s) / sigma(t) * z[i] - alpha(s) * Math.expm1(-h) * d;
    }
    return next;
  }

  private double[] image(
      SingleEvaluation network,
      Parameterization output,
      SampleRequest request,
      double[] z,
      double t,
      int label) {
    double w = request.guidance();
    double[] v = network.v(z, t, label, w);
    double[] without = w == 0 ? v : network.v(z, t, TinyNetworks.CLASSES, w);
    double[] x = new double[VALUES];
    for (int i = 0; i < VALUES; i++) {
      double guided = (1 + w) * v[i] - w * without[i];
      x[i] =
          switch (output) {
            case V -> alpha(t) * z[i] - sigma(t) * guided;
            case EDM -> alpha(t) * z[i] + sigma(t) * guided;
            case EPS -> (z[i] - sigma(t) * guided) / alpha(t);
            case X -> guided;
          };
      if (request.clip()) {
        x[i] = Math.clamp(x[i], -1, 1);
      }
    }
    return x;
  }

  private static double[] noise(int image, int draw) {
    float[] noise = new float[VALUES];
    Philox.normal(SEED, image, draw, noise);
    double[] values = new double[VALUES];
    for (int i = 0; i < VALUES; i++) {
      values[i] = noise[i];
    }
    return values;
  }

  private double alpha(double t) {
    return t == 0 ? 1 : schedule.alpha(t);
  }

  private double sigma(double t) {
    return t == 0 ? 0 : schedule.sigma(t);
  }

  private double[] step(double[] z, double[] x, double t, double s) {
    double[] next = new double[VALUES];
    for (int i = 0; i < VALUES; i++) {
      next[i] = alpha(s) * x[i] + sigma(s) * (z[i] - alpha(t) * x[i]) / sigma(t);
    }
    return next;
  }

  private double[] ancestral(double[] z, double[] x, double t, double s, double[] fresh) {
    double r = Math.exp(schedule.logSnr(t) - schedule.logSnr(s));
    double[] next = new double[VALUES];
    for (int i = 0; i < VALUES; i++) {
      next[i] =
          r * alpha(s) / alpha(t) * z[i]
              + (1 - r) * alpha(s) * x[i]
              + Math.sqrt(1 - r) * sigma(s) * fresh[i];
    }
    return next;
  }

  private double[] forward(double[] z, double from, double to, double[] fresh) {
    double scale = alpha(to) / alpha(from);
    double added = Math.sqrt(Math.pow(sigma(to), 2) - Math.pow(scale * sigma(from), 2));
    double[] next = new double[VALUES];
    for (int i = 0; i < VALUES; i++) {
      next[i] = scale * z[i] + added * fresh[i];
    }
    return next;
  }

  @Test
  @DisplayName("Image k of a seed is the same image in any batch and any request")
  void imagesDoNotDependOnTheirCompany() {
    SampleRequest all = SampleRequest.of(LABELS, SEED, 1.5, 3).withSampler(Solver.ANCESTRAL);
    try (Sampler sampler = new Sampler(teacher);
        Sampler one = new Sampler(teacher, 1, DataType.F32)) {
      float[] together = sample(sampler, all);
      assertArrayEquals(together, sample(sampler, all), "a request is repeatable");
      assertArrayEquals(together, sample(one, all), 1e-4f);
      for (int k = 0; k < LABELS.length; k++) {
        SampleRequest single =
            SampleRequest.of(new int[] {LABELS[k]}, SEED, 1.5, 3)
                .withSampler(Solver.ANCESTRAL)
                .withFirstImage(k);
        float[] expected = Arrays.copyOfRange(together, k * VALUES, (k + 1) * VALUES);
        assertArrayEquals(expected, sample(sampler, single), 1e-4f, "image " + k);
      }
      assertFalse(
          Arrays.equals(
              Arrays.copyOfRange(together, 0, VALUES),
              Arrays.copyOfRange(together, 4 * VALUES, 5 * VALUES)),
          "two images of one class differ");
    }
  }

  @Test
  @DisplayName("A student takes the steps, the sampler and the w it was distilled for, no others")
  void studentsRefuseWhatTheyWereNotMadeFor() {
    try (Network<UNetConfig, ModelCard> guided = TinyNetworks.guided(device, SIDE, 4, 3);
        Network<UNetConfig, ModelCard> student =
            guided.withCard(card -> card.student(4, Chain.STOCHASTIC, Map.of()));
        Sampler sampler = new Sampler(student)) {
      SampleRequest good = SampleRequest.of(LABELS, SEED, 4, 4).withSampler(Solver.STOCHASTIC);
      assertEquals(4, sampler.evaluations(good));
      sample(sampler, good);
      refused(sampler, SampleRequest.of(LABELS, SEED, 4, 4), "stochastic");
      refused(
          sampler, SampleRequest.of(LABELS, SEED, 4, 8).withSampler(Solver.STOCHASTIC), "4 steps");
      refused(
          sampler,
          SampleRequest.of(LABELS, SEED, 4.1, 4).withSampler(Solver.STOCHASTIC),
          "[0.0, 4.0]");
      refused(
          sampler,
          SampleRequest.of(new int[] {3}, SEED, 4, 4).withSampler(Solver.STOCHASTIC),
          "0 to 2");
    }
  }

  private static void refused(Sampler sampler, SampleRequest request, String expected) {
    IllegalArgumentException refused =
        assertThrows(IllegalArgumentException.class, () -> sample(sampler, request));
    assertTrue(refused.getMessage().contains(expected), refused.getMessage());
    assertFalse(refused.getMessage().contains("\n"));
  }

  @Test
  @DisplayName("A closed sampler says so")
  void closed() {
    Sampler sampler = new Sampler(teacher);
    sampler.warmUp(SampleRequest.of(LABELS, SEED, 1, 1));
    sampler.close();
    sampler.close();
    assertThrows(
        IllegalStateException.class, () -> sample(sampler, SampleRequest.of(LABELS, SEED, 0, 1)));
    assertThrows(
        IllegalStateException.class, () -> sampler.warmUp(SampleRequest.of(LABELS, SEED, 1, 1)));
  }

  @Test
  void whatPredictsNoiseCannotStartFromPureNoise() {
    Betas zero = Betas.STABLE_DIFFUSION.withZeroTerminal();
    try (Network<UNetConfig, ModelCard> other =
            teacher.withCard(
                card -> card.withDiffusion(zero, Parameterization.EPS, TimeGrid.UNIFORM));
        Sampler sampler = new Sampler(other)) {
      refused(sampler, SampleRequest.of(LABELS, SEED, 0, 4), "predicts v");
    }
  }
}
