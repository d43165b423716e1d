package org.halfstep.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.Device;
import org.halfstep.device.DeviceArrays;
import org.halfstep.device.Launch;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.diffusion.LossWeighting;
import org.halfstep.graph.Parameter;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.TinyNetworks;
import org.halfstep.model.UNetConfig;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class TrainerTest {
  private static final int SIDE = 8;
  private static final int VALUES = SIDE * SIDE;
  private static final int BATCH = 3;
  private static final long SEED = 11;

  /** The first moment is the gradient as the optimizer sees it. */
  private static final OptimizerSettings PLAIN =
      new OptimizerSettings(0, 0.999, 1e-8, 0, false, 0, 0);

  private Device device;
  private ImageDataset data;
  private Network<UNetConfig, ModelCard> network;
  private final List<TrainingBatch> batches = new ArrayList<>();

  @BeforeEach
  void open() {
    device = new CpuDevice();
    data = TinyNetworks.images(SIDE, 12);
    network = TinyNetworks.teacher(device, SIDE, 3);
  }

  @AfterEach
  void close() {
    network.close();
    data.close();
    device.close();
  }

  private Trainer trainer(int batchSize, OptimizerSettings optimizer, LossWeighting weighting) {
    return new Trainer(
        new ClassConditioned(network),
        new LabelledImages(data, true),
        batchSize,
        SEED,
        optimizer,
        (batch, draws) -> {
          batches.add(batch);
          return new TeacherObjective(batch, draws, weighting, 0.3, TinyNetworks.CLASSES);
        });
  }

  @ParameterizedTest
  @EnumSource
  @DisplayName("C7 SNR weight: loss and its gradient are weight(t) |x - x_hat|^2, never squared")
  void lossIsTheWeightedErrorOfTheImage(LossWeighting weighting) {
    try (Trainer trainer = trainer(BATCH, PLAIN, weighting)) {
      double loss = trainer.step(0, 0);
      TrainingBatch batch = batches.getLast();
      float[] clean = DeviceArrays.read(device, batch.clean(), BATCH * VALUES);
      float[] noise = DeviceArrays.read(device, batch.noise(), BATCH * VALUES);
      float[] noised = DeviceArrays.read(device, batch.noised(), BATCH * VALUES);
      float[] target = DeviceArrays.read(device, batch.target(), BATCH * VALUES);
      float[] out = DeviceArrays.read(device, trainer.plan().address("out"), BATCH * VALUES);
      float[] gradient =
          DeviceArrays.read(device, trainer.plan().gradientAddress("out"), BATCH * VALUES);
      double expected = 0;
      double[] expectedGradient = new double[BATCH * VALUES];
      for (int row = 0; row < BATCH; row++) {
        double alpha = batch.alphas()[row];
        double sigma = batch.sigmas()[row];
        assertEquals(1, alpha * alpha + sigma * sigma, 1e-12);
        double weight = weighting.weight(alpha, sigma);
        for (int i = row * VALUES; i < (row + 1) * VALUES; i++) {
          double z = alpha * clean[i] + sigma * noise[i];
          assertEquals(z, noised[i], 1e-6);
          assertEquals(alpha * noise[i] - sigma * clean[i], target[i], 1e-6);
          double difference = alpha * z - sigma * out[i] - clean[i];
          expected += weight * difference * difference / VALUES / BATCH;
          expectedGradient[i] = -2 * weight * difference * sigma / VALUES / BATCH;
        }
      }
      assertEquals(expected, loss, 1e-4 * expected);
      double largest = 0;
      for (double g : expectedGradient) {
        largest = Math.max(largest, Math.abs(g));
      }
      for (int i = 0; i < gradient.length; i++) {
        assertEquals(expectedGradient[i], gradient[i], 1e-4 * largest);
      }
    }
  }

  @Test
  @DisplayName("At time 0, where encoders begin, an example is the image itself")
  void timeZeroIsTheImage() {
    try (Trainer trainer =
        new Trainer(
            new ClassConditioned(network),
            new LabelledImages(data, false),
            BATCH,
            SEED,
            PLAIN,
            (batch, draws) -> {
              batches.add(batch);
              return new Objective() {
                private final Objective own =
                    new TeacherObjective(batch, draws, LossWeighting.SNR_PLUS_1, 0, 0);

                @Override
                public void draw(TrainingBatch drawn) {
                  own.draw(drawn);
                  Arrays.fill(drawn.times(), 0);
                }

                @Override
                public void write(TrainingBatch written) {
                  own.write(written);
                }

                @Override
                public List<Launch> target() {
                  return own.target();
                }

                @Override
                public LossWeighting weighting() {
                  return LossWeighting.SNR_PLUS_1;
                }

                @Override
                public void close() {
                  own.close();
                }
              };
            })) {
      trainer.step(0, 0);
      TrainingBatch batch = batches.getLast();
      assertArrayEquals(
          DeviceArrays.read(device, batch.clean(), BATCH * VALUES),
          DeviceArrays.read(device, batch.noised(), BATCH * VALUES));
    }
  }

  @Test
  @DisplayName("The gradient of every parameter is the derivative of the loss")
  void gradientIsTheDerivativeOfTheLoss() {
    try (Trainer trainer = trainer(2, PLAIN, LossWeighting.SNR_PLUS_1)) {
      trainer.step(0, 0);
      for (Parameter parameter : network.graph().parameters().values()) {
        float[] gradient = trainer.optimizer().firstMoment().get(parameter);
        float[] weights = network.weights().get(parameter);
        double norm = 0;
        for (float g : gradient) {
          norm += (double) g * g;
        }
        norm = Math.sqrt(norm);
        assertTrue(norm > 0, parameter + " has no gradient");
        // Along the gradient, so far that the loss changes well above rounding.
        double step = Math.min(0.02, 2e-3 / norm);
        double derivative =
            (lossAt(trainer, parameter, weights, gradient, step / norm)
                    - lossAt(trainer, parameter, weights, gradient, -step / norm))
                / (2 * step);
        network.weights().set(parameter, weights);
        assertEquals(norm, derivative, 0.02 * norm + 1e-4, parameter.toString());
      }
    }
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
  @DisplayName("C7 gradient clip: on the mean gradient of the batch, however it is split")
  void clipsTheMeanGradient() {
    float[] whole;
    double norm;
    try (Trainer trainer = trainer(2, PLAIN, LossWeighting.SNR_PLUS_1)) {
      trainer.step(0, 0);
      whole = trainer.optimizer().firstMoment().toArray();
      norm = trainer.optimizer().lastGradientNorm();
    }
    try (Trainer trainer = trainer(1, PLAIN, LossWeighting.SNR_PLUS_1)) {
      trainer.step(0, 0);
      float[] first = trainer.optimizer().firstMoment().toArray();
      trainer.step(1, 0);
      float[] second = trainer.optimizer().firstMoment().toArray();
      double squares = 0;
      for (int i = 0; i < whole.length; i++) {
        assertEquals((first[i] + second[i]) / 2, whole[i], 1e-5 * norm);
        squares += (double) whole[i] * whole[i];
      }
      assertEquals(Math.sqrt(squares), norm, 1e-6 * norm);
    }
    OptimizerSettings clipping = new OptimizerSettings(0, 0.999, 1e-8, 0, false, norm / 4, 0);
    try (Trainer trainer = trainer(2, clipping, LossWeighting.SNR_PLUS_1)) {
      trainer.step(0, 0);
      float[] clipped = trainer.optimizer().firstMoment().toArray();
      assertEquals(norm, trainer.optimizer().lastGradientNorm(), 1e-6 * norm);
      for (int i = 0; i < whole.length; i++) {
        assertEquals(whole[i] / 4, clipped[i], 1e-6 * norm);
      }
    }
  }

  @Test
  @DisplayName("C7 learning rate: weights move by it, and not at all at zero")
  void learningRateIsApplied() {
    float[] before = network.weights().toArray();
    try (Trainer trainer = trainer(2, OptimizerSettings.adam(0), LossWeighting.SNR_PLUS_1)) {
      trainer.step(0, 0);
    }
    assertArrayEquals(before, network.weights().toArray());
    float[] once = moved(before, 1e-3);
    float[] twice = moved(before, 2e-3);
    double distance = 0;
    for (int i = 0; i < before.length; i++) {
      assertEquals(2 * ((double) once[i] - before[i]), (double) twice[i] - before[i], 1e-6);
      distance = Math.max(distance, Math.abs(once[i] - before[i]));
    }
    assertEquals(1e-3, distance, 1e-5, "Adam's first step moves by the rate");
  }

  private float[] moved(float[] before, double rate) {
    try (Trainer trainer = trainer(2, OptimizerSettings.adam(0), LossWeighting.SNR_PLUS_1)) {
      trainer.step(0, rate);
      float[] after = network.weights().toArray();
      network.weights().upload(MemorySegment.ofArray(before));
      return after;
    }
  }

  @Test
  @DisplayName("C7 one t for a batch: every example has its own time, noise, image and label")
  void everyExampleIsDrawnForItself() {
    try (Trainer trainer = trainer(BATCH, PLAIN, LossWeighting.SNR_PLUS_1)) {
      Set<Double> times = new HashSet<>();
      Set<Float> noises = new HashSet<>();
      Set<Integer> labels = new HashSet<>();
      int updates = 8;
      for (int update = 0; update < updates; update++) {
        trainer.step(update, 0);
        TrainingBatch batch = batches.getLast();
        float[] noise = DeviceArrays.read(device, batch.noise(), BATCH * VALUES);
        for (int row = 0; row < BATCH; row++) {
          times.add(batch.times()[row]);
          noises.add(noise[row * VALUES]);
          labels.add(batch.conditions()[row]);
        }
      }
      assertEquals(updates * BATCH, times.size());
      assertEquals(updates * BATCH, noises.size());
      assertEquals(Set.of(0, 1, 2, TinyNetworks.CLASSES), labels, "classes and the null label");
    }
  }

  @Test
  @DisplayName("C7 shape check: data that does not fit the network is refused, not printed")
  void refusesDataOfAnotherShape() {
    try (ImageDataset large = TinyNetworks.images(2 * SIDE, 3)) {
      IllegalArgumentException refused =
          assertThrows(
              IllegalArgumentException.class,
              () ->
                  new Trainer(
                      new ClassConditioned(network),
                      new LabelledImages(large, false),
                      1,
                      SEED,
                      PLAIN,
                      (batch, draws) -> {
                        throw new AssertionError("too late");
                      }));
      assertEquals("the network takes 8x8x1 images, the data has 16x16x1", refused.getMessage());
    }
  }
}
