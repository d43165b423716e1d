package org.halfstep.distill;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.halfstep.checkpoint.UNetDescription;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.DeviceArrays;
import org.halfstep.device.Launch;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.diffusion.Betas;
import org.halfstep.diffusion.DiscreteSchedule;
import org.halfstep.diffusion.DistillationTarget;
import org.halfstep.diffusion.ExampleDraws;
import org.halfstep.diffusion.GuidanceRange;
import org.halfstep.diffusion.LossWeighting;
import org.halfstep.diffusion.Parameterization;
import org.halfstep.diffusion.TimeGrid;
import org.halfstep.diffusion.WeightRamp;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.graph.Shape;
import org.halfstep.latent.LatentUNetConfig;
import org.halfstep.latent.TinyUNets;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.TinyNetworks;
import org.halfstep.random.Philox;
import org.halfstep.train.Objective;
import org.halfstep.train.TableConditioned;
import org.halfstep.train.TrainingBatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The targets for students of latent models as the device computes them, against plain loops. */
class LatentObjectivesTest {
  private static final int SIDE = 4;
  private static final int VALUES = SIDE * SIDE * 4;
  private static final int BATCH = 5;
  private static final int BESIDE = 5;
  private static final int CLASSES = 3;
  private static final GuidanceRange RANGE = new GuidanceRange(2, 14);
  private static final DiscreteSchedule SCHEDULE = DiscreteSchedule.of(Betas.STABLE_DIFFUSION);

  private final ExampleDraws draws = new ExampleDraws(23, SCHEDULE);
  private Device device;
  private TrainingBatch batch;
  private double[][] noised;

  /** What an inpainting network sees of each row beside the latent. */
  private final float[] beside = new float[BATCH * SIDE * SIDE * BESIDE];

  @BeforeEach
  void open() {
    device = new CpuDevice();
    Philox.normal(6, 0, 0, beside);
    fill(0);
  }

  /** A batch of latents with so many channels beside them. */
  private void fill(int besideChannels) {
    if (batch != null) {
      batch.close();
    }
    batch =
        new TrainingBatch(
            device, BATCH, new Shape(SIDE, SIDE, 4), besideChannels, DataType.F32, null);
    if (besideChannels > 0) {
      DeviceArrays.write(device, batch.beside(), beside);
    }
    noised = new double[BATCH][VALUES];
    float[] z = new float[BATCH * VALUES];
    for (int i = 0; i < z.length; i++) {
      z[i] = (float) Philox.normal(5, 0, 0, i);
      noised[i / VALUES][i % VALUES] = z[i];
    }
    DeviceArrays.write(device, batch.noised(), z);
    for (int row = 0; row < BATCH; row++) {
      batch.examples()[row] = 100 + row;
      batch.conditions()[row] = row % CLASSES;
    }
  }

  @AfterEach
  void close() {
    batch.close();
    device.close();
  }

  private Network<LatentUNetConfig, ModelCard> network(Parameterization predicts, boolean guided) {
    UNetDescription plain = TinyUNets.smallest(guided ? 8 : 0, CLASSES + 1);
    UNetDescription network =
        new UNetDescription(
            4 + batch.besideChannels(),
            4,
            plain.channels(),
            plain.downAttention(),
            plain.upAttention(),
            plain.layers(),
            plain.context(),
            plain.heads(),
            plain.linearProjection(),
            plain.groups(),
            plain.guidanceWidth(),
            plain.classRows());
    ModelCard teacher = ModelCard.teacher("patterns", List.of(), Map.of());
    ModelCard card = guided ? teacher.guided(2, 14, Map.of()) : teacher;
    return TinyNetworks.perturbed(
        Network.fresh(
            device,
            new LatentUNetConfig(network, SIDE, SIDE, 1),
            card.withDiffusion(Betas.STABLE_DIFFUSION, predicts, TimeGrid.UNIFORM),
            3),
        4);
  }

  /** What a network says of one row. */
  private double[] evaluate(
      Network<LatentUNetConfig, ModelCard> network,
      int row,
      double[] z,
      int level,
      int label,
      double w) {
    try (Plan plan =
        Plan.inference(device, network.graph(), PlanOptions.inference(1), network.values())) {
      plan.prepare();
      int extra = batch.besideChannels();
      float[] x = new float[SIDE * SIDE * (4 + extra)];
      for (int pixel = 0; pixel < SIDE * SIDE; pixel++) {
        for (int c = 0; c < 4; c++) {
          x[pixel * (4 + extra) + c] = (float) z[pixel * 4 + c];
        }
        for (int c = 0; c < extra; c++) {
          x[pixel * (4 + extra) + 4 + c] = beside[(row * SIDE * SIDE + pixel) * extra + c];
        }
      }
      DeviceArrays.write(device, plan.address("x"), x);
      DeviceArrays.write(device, plan.address("t"), new float[] {level});
      DeviceArrays.writeInts(device, plan.address("y"), new int[] {label});
      if (network.architecture().isGuided()) {
        DeviceArrays.write(device, plan.address("w"), new float[] {(float) w});
      }
      plan.condition();
      plan.forward();
      float[] out = DeviceArrays.read(device, plan.address("out"), VALUES);
      double[] said = new double[VALUES];
      for (int i = 0; i < VALUES; i++) {
        said[i] = out[i];
      }
      return said;
    }
  }

  private void run(Objective objective) {
    objective.draw(batch);
    for (int row = 0; row < BATCH; row++) {
      batch.alphas()[row] = SCHEDULE.alpha(batch.times()[row]);
      batch.sigmas()[row] = SCHEDULE.sigma(batch.times()[row]);
    }
    objective.write(batch);
    objective.target().forEach(Launch::run);
  }

  private static int level(double t) {
    return (int) Math.rint(1000 * t) - 1;
  }

  private void expect(int row, double[] expected) {
    float[] target = DeviceArrays.read(device, batch.target(), BATCH * VALUES);
    double largest = 0;
    for (double value : expected) {
      largest = Math.max(largest, Math.abs(value));
    }
    for (int i = 0; i < VALUES; i++) {
      assertEquals(expected[i], target[row * VALUES + i], 5e-4 * largest, "row " + row);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, BESIDE})
  void aTeacherOfEpsIsTheTargetOfVAtItsOwnImage(int besideChannels) {
    fill(besideChannels);
    WeightRamp ramp = new WeightRamp(LossWeighting.SNR, LossWeighting.TRUNCATED_SNR, 40);
    try (Network<LatentUNetConfig, ModelCard> teacher = network(Parameterization.EPS, false);
        Objective objective =
            new VelocityObjective(new TableConditioned(teacher), batch, draws, ramp, 0.5)) {
      batch.setUpdate(20);
      run(objective);
      Set<Integer> conditions = new HashSet<>();
      for (int row = 0; row < BATCH; row++) {
        int level = level(batch.times()[row]);
        double alpha = batch.alphas()[row];
        double sigma = batch.sigmas()[row];
        double[] eps = evaluate(teacher, row, noised[row], level, batch.conditions()[row], 0);
        double[] expected = new double[VALUES];
        for (int i = 0; i < VALUES; i++) {
          double x = (noised[row][i] - sigma * eps[i]) / alpha;
          expected[i] = alpha * eps[i] - sigma * x;
        }
        expect(row, expected);
        boolean dropped = draws.dropsLabel(100 + row, 0.5);
        assertEquals(dropped ? CLASSES : row % CLASSES, batch.conditions()[row]);
        conditions.add(batch.conditions()[row] == CLASSES ? 1 : 0);
      }
      assertEquals(2, conditions.size(), "with and without a condition");
      // Update 20 is half way up the ramp.
      assertEquals(
          0.5 * 0.04 + 0.5 * 0.96, objective.weighting().weightOnV(0.2, Math.sqrt(0.96)), 1e-9);
    }
  }

  @ParameterizedTest
  @CsvSource({"EPS,0", "V,0", "EPS,5"})
  void stageOneGuidesATeacherOfEitherKind(Parameterization predicts, int besideChannels) {
    fill(besideChannels);
    try (Network<LatentUNetConfig, ModelCard> teacher = network(predicts, false);
        Objective objective =
            new GuidedObjective(
                new TableConditioned(teacher), batch, draws, RANGE, LossWeighting.SNR_PLUS_1)) {
      run(objective);
      for (int row = 0; row < BATCH; row++) {
        double w = batch.guidances()[row];
        assertTrue(w > 2 && w < 14);
        int level = level(batch.times()[row]);
        double alpha = batch.alphas()[row];
        double sigma = batch.sigmas()[row];
        double[] with = evaluate(teacher, row, noised[row], level, row % CLASSES, 0);
        double[] without = evaluate(teacher, row, noised[row], level, CLASSES, 0);
        double[] expected = new double[VALUES];
        for (int i = 0; i < VALUES; i++) {
          double guided = (1 + w) * with[i] - w * without[i];
          expected[i] =
              predicts == Parameterization.V ? guided : (guided - sigma * noised[row][i]) / alpha;
        }
        expect(row, expected);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"1,false,0", "4,false,0", "256,false,0", "1,true,0", "4,true,0", "4,false,5"})
  void oneStudentStepLandsWhereTwoTeacherStepsLand(
      int steps, boolean stochastic, int besideChannels) {
    fill(besideChannels);
    DistillationTarget chain =
        stochastic
            ? DistillationTarget.stochastic(SCHEDULE, TimeGrid.UNIFORM, steps)
            : DistillationTarget.deterministic(SCHEDULE, TimeGrid.UNIFORM, steps);
    try (Network<LatentUNetConfig, ModelCard> teacher = network(Parameterization.V, true);
        Objective objective =
            new HalvingObjective(
                new TableConditioned(teacher),
                batch,
                draws,
                RANGE,
                LossWeighting.TRUNCATED_SNR,
                chain)) {
      run(objective);
      float[] target = DeviceArrays.read(device, batch.target(), BATCH * VALUES);
      for (int row = 0; row < BATCH; row++) {
        double t = batch.times()[row];
        int index = (int) Math.round(t * steps);
        double w = batch.guidances()[row];
        boolean edge = stochastic && index == 1;
        double length = (stochastic && !edge ? 2.0 : 1.0) / steps;
        int start = level(t);
        int end = level(t - length);
        double[] z = noised[row];
        double[] landing =
            ddim(
                z,
                evaluate(teacher, row, z, start, row % CLASSES, w),
                start,
                edge ? end : level(t - length / 2));
        if (!edge) {
          int mid = level(t - length / 2);
          landing = ddim(landing, evaluate(teacher, row, landing, mid, row % CLASSES, w), mid, end);
        }
        double[] v = new double[VALUES];
        for (int i = 0; i < VALUES; i++) {
          v[i] = target[row * VALUES + i];
        }
        double[] landed = ddim(z, v, start, end);
        for (int i = 0; i < VALUES; i++) {
          assertEquals(landing[i], landed[i], 2e-4, index + " of " + steps);
        }
      }
    }
  }

  private static double[] ddim(double[] z, double[] v, int from, int to) {
    double alpha = SCHEDULE.alpha(SCHEDULE.time(from));
    double sigma = SCHEDULE.sigma(SCHEDULE.time(from));
    double[] next = new double[VALUES];
    for (int i = 0; i < VALUES; i++) {
      double x = alpha * z[i] - sigma * v[i];
      double eps = sigma * z[i] + alpha * v[i];
      next[i] = SCHEDULE.alpha(SCHEDULE.time(to)) * x + SCHEDULE.sigma(SCHEDULE.time(to)) * eps;
    }
    return next;
  }
}
