package org.halfstep.distill;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.DeviceArrays;
import org.halfstep.device.Launch;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.diffusion.DistillationTarget;
import org.halfstep.diffusion.ExampleDraws;
import org.halfstep.diffusion.GuidanceRange;
import org.halfstep.diffusion.LossWeighting;
import org.halfstep.diffusion.NoiseSchedule;
import org.halfstep.diffusion.TimeGrid;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.SingleEvaluation;
import org.halfstep.model.TinyNetworks;
import org.halfstep.model.UNetConfig;
import org.halfstep.random.Philox;
import org.halfstep.sample.SampleRequest;
import org.halfstep.sample.Sampler;
import org.halfstep.train.ClassConditioned;
import org.halfstep.train.Objective;
import org.halfstep.train.TrainingBatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The targets of both stages as the device computes them, against plain loops in double. */
class ObjectivesTest {
  private static final int SIDE = 8;
  private static final int VALUES = SIDE * SIDE;
  private static final int BATCH = 6;
  private static final double MAX_W = 4;
  private static final GuidanceRange RANGE = new GuidanceRange(0, MAX_W);
  private static final NoiseSchedule SCHEDULE =
      new NoiseSchedule.TruncatedCosine(NoiseSchedule.MAX_LOG_SNR);

  private final ExampleDraws draws = new ExampleDraws(17);
  private Device device;
  private TrainingBatch batch;
  private double[][] noised;

  @BeforeEach
  void open() {
    device = new CpuDevice();
    batch = new TrainingBatch(device, BATCH, VALUES, DataType.F32);
    noised = new double[BATCH][VALUES];
    float[] z = new float[BATCH * VALUES];
    for (int i = 0; i < z.length; i++) {
      z[i] = (float) Philox.normal(5, 0, 0, i);
      noised[i / VALUES][i % VALUES] = z[i];
    }
    DeviceArrays.write(device, batch.noised(), z);
    for (int row = 0; row < BATCH; row++) {
      batch.examples()[row] = 100 + row;
      batch.conditions()[row] = row % TinyNetworks.CLASSES;
    }
  }

  @AfterEach
  void close() {
    batch.close();
    device.close();
  }

  private void expectTarget(double[][] expected) {
    float[] target = DeviceArrays.read(device, batch.target(), BATCH * VALUES);
    for (int row = 0; row < BATCH; row++) {
      double largest = 0;
      for (double value : expected[row]) {
        largest = Math.max(largest, Math.abs(value));
      }
      for (int i = 0; i < VALUES; i++) {
        assertEquals(expected[row][i], target[row * VALUES + i], 2e-4 * largest, "row " + row);
      }
    }
  }

  @Test
  @DisplayName("C7 stage one: the target is one guided prediction (1 + w) c - w u at the same z")
  void guidedTarget() {
    try (Network<UNetConfig, ModelCard> teacher = TinyNetworks.teacher(device, SIDE, 1);
        SingleEvaluation single = new SingleEvaluation(teacher);
        Objective objective =
            new GuidedObjective(
                new ClassConditioned(teacher), batch, draws, RANGE, LossWeighting.SNR_PLUS_1)) {
      objective.draw(batch);
      objective.write(batch);
      objective.target().forEach(Launch::run);
      double[][] expected = new double[BATCH][VALUES];
      double largestImage = 0;
      Set<Double> times = new HashSet<>();
      Set<Double> strengths = new HashSet<>();
      for (int row = 0; row < BATCH; row++) {
        double t = batch.times()[row];
        double w = batch.guidances()[row];
        assertTrue(t > 0 && t < 1 && w > 0 && w < MAX_W);
        times.add(t);
        strengths.add(w);
        double[] with = single.v(noised[row], t, batch.conditions()[row], 0);
        double[] without = single.v(noised[row], t, TinyNetworks.CLASSES, 0);
        for (int i = 0; i < VALUES; i++) {
          expected[row][i] = (1 + w) * with[i] - w * without[i];
          double image = SCHEDULE.alpha(t) * noised[row][i] - SCHEDULE.sigma(t) * expected[row][i];
          largestImage = Math.max(largestImage, Math.abs(image));
        }
      }
      expectTarget(expected);
      assertTrue(largestImage > 1.5, "images must leave [-1, 1], or a clip would go unnoticed");
      assertEquals(BATCH, times.size(), "one t for each example");
      assertEquals(BATCH, strengths.size(), "one w for each example");
    }
  }

  @ParameterizedTest
  @CsvSource({"1,false", "2,false", "8,false", "1,true", "2,true", "8,true"})
  @DisplayName("C7 stage two: one student step lands where two teacher steps at the same w land")
  void halvingTarget(int steps, boolean stochastic) {
    DistillationTarget chain =
        stochastic
            ? DistillationTarget.stochastic(SCHEDULE, TimeGrid.UNIFORM, steps)
            : DistillationTarget.deterministic(SCHEDULE, TimeGrid.UNIFORM, steps);
    try (Network<UNetConfig, ModelCard> teacher = TinyNetworks.guided(device, SIDE, MAX_W, 2);
        SingleEvaluation single = new SingleEvaluation(teacher);
        Objective objective =
            new HalvingObjective(
                new ClassConditioned(teacher),
                batch,
                draws,
                RANGE,
                LossWeighting.TRUNCATED_SNR,
                chain)) {
      objective.draw(batch);
      objective.write(batch);
      objective.target().forEach(Launch::run);
      double[][] expected = new double[BATCH][];
      Set<Double> strengths = new HashSet<>();
      boolean edge = false;
      for (int row = 0; row < BATCH; row++) {
        long index = Math.round(batch.times()[row] * steps);
        assertEquals((double) index / steps, batch.times()[row]);
        assertTrue(index >= 1 && index <= steps);
        edge |= index == 1;
        strengths.add(batch.guidances()[row]);
        expected[row] = target(single, row, index, steps, stochastic);
      }
      assertTrue(edge || steps > 2, "the last interval is among the examples");
      assertEquals(BATCH, strengths.size(), "one w for each example");
      expectTarget(expected);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 8})
  @DisplayName("An encoder's one step lands where two steps of the teacher towards noise land")
  void encoderTarget(int steps) {
    DistillationTarget chain = DistillationTarget.encoder(SCHEDULE, TimeGrid.UNIFORM, steps);
    try (Network<UNetConfig, ModelCard> teacher = TinyNetworks.guided(device, SIDE, MAX_W, 2);
        SingleEvaluation single = new SingleEvaluation(teacher);
        Objective objective =
            new HalvingObjective(
                new ClassConditioned(teacher),
                batch,
                draws,
                new GuidanceRange(0, 0),
                LossWeighting.SNR_PLUS_1,
                chain)) {
      objective.draw(batch);
      objective.write(batch);
      objective.target().forEach(Launch::run);
      double[][] expected = new double[BATCH][];
      for (int row = 0; row < BATCH; row++) {
        double t = batch.times()[row];
        assertTrue(t >= 0 && t < 1);
        assertEquals(0, batch.guidances()[row]);
        int label = batch.conditions()[row];
        double mid = t + 0.5 / steps;
        double end = t + 1.0 / steps;
        double[] z = noised[row];
        double[] atMid = step(z, single.v(z, t, label, 0), t, mid);
        double[] atEnd = step(atMid, single.v(atMid, mid, label, 0), mid, end);
        // The way on by one step: cos z - sin v, the angle below 0.
        double delta = SCHEDULE.pathAngle(t) - SCHEDULE.pathAngle(end);
        expected[row] = new double[VALUES];
        for (int i = 0; i < VALUES; i++) {
          expected[row][i] = (Math.cos(delta) * z[i] - atEnd[i]) / Math.sin(delta);
        }
      }
      expectTarget(expected);
    }
  }

  @Test
  @DisplayName("Naive students: a condition is left out for teacher and student alike")
  void naiveTargetIsTheTeachersOwnBranch() {
    DistillationTarget chain = DistillationTarget.deterministic(SCHEDULE, TimeGrid.UNIFORM, 4);
    int[] labels = batch.conditions().clone();
    try (Network<UNetConfig, ModelCard> teacher = TinyNetworks.teacher(device, SIDE, 1);
        SingleEvaluation single = new SingleEvaluation(teacher);
        Objective objective =
            new HalvingObjective(
                new ClassConditioned(teacher),
                batch,
                draws,
                RANGE,
                LossWeighting.TRUNCATED_SNR,
                chain,
                0.5)) {
      objective.draw(batch);
      objective.write(batch);
      objective.target().forEach(Launch::run);
      int without = 0;
      double[][] expected = new double[BATCH][VALUES];
      for (int row = 0; row < BATCH; row++) {
        int label = batch.conditions()[row];
        without += label == TinyNetworks.CLASSES ? 1 : 0;
        assertTrue(label == TinyNetworks.CLASSES || label == labels[row]);
        double t = batch.times()[row];
        double[] z = noised[row];
        double[] atMid = step(z, single.v(z, t, label, 0), t, t - 0.125);
        double[] atEnd = step(atMid, single.v(atMid, t - 0.125, label, 0), t - 0.125, t - 0.25);
        double delta = SCHEDULE.pathAngle(t) - SCHEDULE.pathAngle(t - 0.25);
        for (int i = 0; i < VALUES; i++) {
          expected[row][i] = (Math.cos(delta) * z[i] - atEnd[i]) / Math.sin(delta);
        }
      }
      assertTrue(without > 0 && without < BATCH, without + " without label");
      expectTarget(expected);
    }
  }

  /** Two steps in the form of the papers, alpha x + sigma eps, then the published quotient. */
  private double[] target(
      SingleEvaluation teacher, int row, long index, int steps, boolean stochastic) {
    double t = (double) index / steps;
    double w = batch.guidances()[row];
    int label = batch.conditions()[row];
    double[] z = noised[row];
    double[] first = teacher.v(z, t, label, w);
    if (stochastic && index == 1) {
      return first;
    }
    double half = (stochastic ? 1.0 : 0.5) / steps;
    double mid = t - half;
    double end = stochastic ? (index - 2.0) / steps : (index - 1.0) / steps;
    double[] atMid = step(z, first, t, mid);
    double[] atEnd = step(atMid, teacher.v(atMid, mid, label, w), mid, end);
    double alpha = SCHEDULE.alpha(t);
    double sigma = SCHEDULE.sigma(t);
    double ratio = sigmaAt(end) / sigma;
    double[] v = new double[VALUES];
    for (int i = 0; i < VALUES; i++) {
      double x = (atEnd[i] - ratio * z[i]) / (alphaAt(end) - ratio * alpha);
      v[i] = (alpha * z[i] - x) / sigma;
    }
    return v;
  }

  private static double[] step(double[] z, double[] v, double from, double to) {
    double[] next = new double[VALUES];
    for (int i = 0; i < VALUES; i++) {
      double x = alphaAt(from) * z[i] - sigmaAt(from) * v[i];
      double eps = sigmaAt(from) * z[i] + alphaAt(from) * v[i];
      next[i] = alphaAt(to) * x + sigmaAt(to) * eps;
    }
    return next;
  }

  private static double alphaAt(double t) {
    return t == 0 ? 1 : SCHEDULE.alpha(t);
  }

  private static double sigmaAt(double t) {
    return t == 0 ? 0 : SCHEDULE.sigma(t);
  }

  @Test
  @DisplayName("C7 new input: a fresh stage-one student is the conditional teacher bit for bit")
  void freshStudentIsTheConditionalTeacher() {
    try (Network<UNetConfig, ModelCard> teacher = TinyNetworks.teacher(device, SIDE, 1);
        Network<UNetConfig, ModelCard> student =
            Network.like(
                device,
                teacher.architecture().withGuidance(TinyNetworks.GUIDANCE_DIM).withDropout(0),
                teacher.card().guided(0, MAX_W, Map.of()),
                teacher);
        Sampler ofTeacher = new Sampler(teacher);
        Sampler ofStudent = new Sampler(student)) {
      float[] expected = sample(ofTeacher, 0);
      for (double w : new double[] {0, 0.37, 1, MAX_W}) {
        assertArrayEquals(expected, sample(ofStudent, w), "w = " + w);
      }
    }
  }

  private static float[] sample(Sampler sampler, double guidance) {
    float[] images = new float[5 * VALUES];
    MemorySegment off = Arena.ofAuto().allocate(4L * images.length, 4);
    sampler.sample(SampleRequest.of(new int[] {0, 1, 2, 1, 0}, 9, guidance, 3), off);
    MemorySegment.ofArray(images).copyFrom(off);
    return images;
  }

  @Test
  @DisplayName("C7 shape check: weights that do not fit are refused, not printed")
  void refusesWeightsOfAnotherShape() {
    try (Network<UNetConfig, ModelCard> guided = TinyNetworks.guided(device, SIDE, MAX_W, 2)) {
      int wider = 2 * TinyNetworks.GUIDANCE_DIM;
      IllegalArgumentException refused =
          assertThrows(
              IllegalArgumentException.class,
              () ->
                  Network.like(
                      device, guided.architecture().withGuidance(wider), guided.card(), guided));
      assertTrue(refused.getMessage().contains("w_proj.weight"), refused.getMessage());
    }
  }
}
