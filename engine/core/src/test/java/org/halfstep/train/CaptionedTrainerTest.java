package org.halfstep.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.halfstep.HeapAllocation;
import org.halfstep.checkpoint.TextDescription;
import org.halfstep.device.Device;
import org.halfstep.device.DeviceArrays;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.diffusion.Betas;
import org.halfstep.diffusion.DiscreteSchedule;
import org.halfstep.diffusion.LossWeighting;
import org.halfstep.diffusion.Parameterization;
import org.halfstep.diffusion.TimeGrid;
import org.halfstep.graph.Parameter;
import org.halfstep.graph.Shape;
import org.halfstep.latent.LatentUNetConfig;
import org.halfstep.latent.TextUNetConfig;
import org.halfstep.latent.TinyUNets;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.text.ClipTokenizer;
import org.halfstep.text.TokenTable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A step of a text encoder and a latent UNet together, on a discrete schedule. */
class CaptionedTrainerTest {
  private static final int SIDE = 4;
  private static final Shape SHAPE = new Shape(SIDE, SIDE, 4);
  private static final int VALUES = SHAPE.size();
  private static final int TOKENS = 5;
  private static final int BATCH = 3;
  private static final long SEED = 11;
  private static final double DROPOUT = 0.3;
  private static final List<String> CAPTIONS =
      List.of("red cat", "blue cat", "cat", "red sea", "blue sea");
  private static final ClipTokenizer TOKENIZER = ClipTokenizer.trained(CAPTIONS, 12);
  private static final TokenTable TABLE = TokenTable.of(TOKENIZER, CAPTIONS, TOKENS);
  private static final Betas BETAS = Betas.STABLE_DIFFUSION.withZeroTerminal();
  private static final DiscreteSchedule SCHEDULE = DiscreteSchedule.of(BETAS);
  private static final OptimizerSettings PLAIN =
      new OptimizerSettings(0, 0.999, 1e-8, 0, false, 0, 0);

  private Device device;
  private Network<TextUNetConfig, ModelCard> network;
  private final List<TrainingBatch> batches = new ArrayList<>();

  @BeforeEach
  void open() {
    device = new CpuDevice();
    TextUNetConfig config =
        new TextUNetConfig(
            new TextDescription(TOKENIZER.size(), TOKENS, 12, 20, 1, 3, true),
            new LatentUNetConfig(TinyUNets.smallest(0, 0), SIDE, SIDE, TOKENS));
    ModelCard card =
        ModelCard.teacher("sentences", List.of(), Map.of())
            .withDiffusion(BETAS, Parameterization.V, TimeGrid.UNIFORM);
    network = Network.fresh(device, config, card, 3);
  }

  @AfterEach
  void close() {
    network.close();
    device.close();
  }

  private Trainer trainer(int batchSize) {
    return new Trainer(
        new TextConditioned(network, TABLE),
        new RandomLatents(7, SHAPE, CAPTIONS),
        batchSize,
        SEED,
        PLAIN,
        (batch, draws) -> {
          batches.add(batch);
          return new TeacherObjective(
              batch, draws, LossWeighting.TRUNCATED_SNR, DROPOUT, TABLE.texts());
        });
  }

  @Test
  void lossIsTheWeightedErrorOfV() {
    Set<Integer> captions = new HashSet<>();
    Set<Integer> levels = new HashSet<>();
    try (Trainer trainer = trainer(BATCH)) {
      for (int update = 0; update < 8; update++) {
        double loss = trainer.step(update, 0);
        TrainingBatch batch = batches.getLast();
        float[] clean = DeviceArrays.read(device, batch.clean(), BATCH * VALUES);
        float[] noise = DeviceArrays.read(device, batch.noise(), BATCH * VALUES);
        float[] out = DeviceArrays.read(device, trainer.plan().address("out"), BATCH * VALUES);
        float[] told = DeviceArrays.read(device, trainer.plan().address("t"), BATCH);
        double expected = 0;
        for (int row = 0; row < BATCH; row++) {
          int level = SCHEDULE.level(batch.times()[row]);
          assertEquals(level, told[row], "the network is told the level");
          double alpha = Math.sqrt(SCHEDULE.alphaBar(level));
          double sigma = Math.sqrt(1 - SCHEDULE.alphaBar(level));
          double weight = Math.max(alpha * alpha, sigma * sigma);
          for (int i = row * VALUES; i < (row + 1) * VALUES; i++) {
            double error = out[i] - (alpha * noise[i] - sigma * clean[i]);
            expected += weight * error * error / VALUES / BATCH;
          }
          captions.add(batch.conditions()[row]);
          levels.add(level);
        }
        assertEquals(expected, loss, 1e-5 * expected);
      }
    }
    assertTrue(captions.contains(TABLE.texts()), "the empty caption takes the place of some");
    assertTrue(captions.size() > 3, "captions differ: " + captions);
    assertTrue(levels.size() > 20, "one level for each example");
  }

  /** The text encoder's parameters and the UNet's, all of them, through the whole step. */
  @Test
  void theGradientOfEveryParameterIsTheDerivativeOfTheLoss() {
    try (Trainer trainer = trainer(2)) {
      trainer.step(0, 0);
      Map<Parameter, float[]> gradients = new LinkedHashMap<>();
      for (Parameter parameter : network.graph().parameters().values()) {
        gradients.put(parameter, trainer.optimizer().firstMoment().get(parameter));
      }
      for (Parameter parameter : gradients.keySet()) {
        float[] gradient = gradients.get(parameter);
        float[] weights = network.weights().get(parameter);
        double norm = norm(gradient);
        assertTrue(norm > 0, parameter + " has no gradient");
        double step = Math.min(0.05, 4e-3 / norm);
        double derivative =
            (lossAt(trainer, parameter, weights, gradient, step / norm)
                    - lossAt(trainer, parameter, weights, gradient, -step / norm))
                / (2 * step);
        network.weights().set(parameter, weights);
        assertEquals(norm, derivative, 0.02 * norm + 3e-4, parameter.toString());
      }
    }
  }

  private static double norm(float[] values) {
    double sum = 0;
    for (float value : values) {
      sum += (double) value * value;
    }
    return Math.sqrt(sum);
  }

  private double lossAt(
      Trainer trainer, Parameter parameter, float[] weights, float[] direction, double scale) {
    float[] moved = weights.clone();
    for (int i = 0; i < moved.length; i++) {
      moved[i] += (float) (scale * direction[i]);
    }
    network.weights().set(parameter, moved);
    return trainer.step(0, 0);
  }

  @Test
  void aWarmStepAllocatesNothing() {
    try (Trainer trainer = trainer(BATCH)) {
      trainer.step(0, 0);
      trainer.step(1, 0);
      assertEquals(0, HeapAllocation.bytes(() -> trainer.step(1, 1e-3)));
    }
  }

  @Test
  void refusesOtherCaptions() {
    IllegalArgumentException refused =
        assertThrows(
            IllegalArgumentException.class,
            () ->
                new Trainer(
                    new TextConditioned(network, TABLE),
                    new RandomLatents(7, SHAPE, List.of("1", "2", "3", "4", "5", "6")),
                    1,
                    SEED,
                    PLAIN,
                    (_, _) -> {
                      throw new AssertionError("too late");
                    }));
    assertEquals("the network is told 5 captions, the data has 6", refused.getMessage());
    TokenTable longer = TokenTable.of(TOKENIZER, CAPTIONS, TOKENS + 1);
    assertEquals(
        "the text encoder takes 5 tokens, the captions have 6",
        assertThrows(IllegalArgumentException.class, () -> new TextConditioned(network, longer))
            .getMessage());
  }
}
