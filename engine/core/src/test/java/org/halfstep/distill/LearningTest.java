package org.halfstep.distill;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.diffusion.Chain;
import org.halfstep.diffusion.DistillationTarget;
import org.halfstep.diffusion.GuidanceRange;
import org.halfstep.diffusion.LearningRate;
import org.halfstep.diffusion.LossWeighting;
import org.halfstep.diffusion.NoiseSchedule;
import org.halfstep.diffusion.TimeGrid;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.TinyNetworks;
import org.halfstep.model.UNetConfig;
import org.halfstep.sample.SampleRequest;
import org.halfstep.sample.Sampler;
import org.halfstep.train.ClassConditioned;
import org.halfstep.train.LabelledImages;
import org.halfstep.train.OptimizerSettings;
import org.halfstep.train.TeacherObjective;
import org.halfstep.train.Trainer;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** The whole chain on a few images: it learns, and a student does in one step what two steps do. */
class LearningTest {
  private static final int SIDE = 8;
  private static final int UPDATES = 80;
  private static final int WINDOW = 10;
  private static final double MAX_W = 2;
  private static final OptimizerSettings NO_AVERAGE =
      new OptimizerSettings(0.9, 0.999, 1e-8, 0, false, 1, 0);

  @Test
  @DisplayName("The loss falls, and a one-step student approaches its teacher's two steps")
  void learns() {
    try (Device device = new CpuDevice();
        ImageDataset data = TinyNetworks.images(SIDE, 3);
        Network<UNetConfig, ModelCard> teacher =
            Network.fresh(device, TinyNetworks.config(SIDE, 0), TinyNetworks.teacherCard(), 1)) {
      double[] losses = new double[UPDATES];
      try (Trainer trainer =
          new Trainer(
              new ClassConditioned(teacher),
              new LabelledImages(data, false),
              8,
              2,
              NO_AVERAGE,
              (batch, draws) ->
                  new TeacherObjective(batch, draws, LossWeighting.SNR_PLUS_1, 0.1, 3))) {
        for (int update = 0; update < UPDATES; update++) {
          losses[update] = trainer.step(update, 3e-3);
        }
      }
      double first = mean(losses, 0);
      double last = mean(losses, UPDATES - WINDOW);
      assertTrue(last < 0.5 * first, "loss " + first + " to " + last);

      try (Network<UNetConfig, ModelCard> guided =
          Network.like(
              device,
              teacher.architecture().withGuidance(TinyNetworks.GUIDANCE_DIM),
              teacher.card().guided(0, MAX_W, Map.of()),
              teacher)) {
        distillOneStep(device, data, guided);
      }
    }
  }

  private static void distillOneStep(
      Device device, ImageDataset data, Network<UNetConfig, ModelCard> guided) {
    try (Network<UNetConfig, ModelCard> student =
            guided.withCard(card -> card.student(1, Chain.DETERMINISTIC, Map.of()));
        Sampler ofTeacher = new Sampler(guided)) {
      float[] wanted = sample(ofTeacher, 2);
      double before = distance(wanted, sample(ofTeacher, 1));
      try (Trainer trainer =
          new Trainer(
              new ClassConditioned(student),
              new LabelledImages(data, false),
              8,
              3,
              NO_AVERAGE,
              (batch, draws) ->
                  new HalvingObjective(
                      new ClassConditioned(guided),
                      batch,
                      draws,
                      new GuidanceRange(0, MAX_W),
                      LossWeighting.TRUNCATED_SNR,
                      DistillationTarget.deterministic(
                          new NoiseSchedule.TruncatedCosine(NoiseSchedule.MAX_LOG_SNR),
                          TimeGrid.UNIFORM,
                          1)))) {
        LearningRate rate = new LearningRate.LinearToZero(2e-3, UPDATES);
        for (int update = 0; update < UPDATES; update++) {
          trainer.step(update, rate.at(update));
        }
      }
      try (Sampler ofStudent = new Sampler(student)) {
        double after = distance(wanted, sample(ofStudent, 1));
        assertTrue(after < 0.5 * before, "distance " + before + " to " + after);
      }
    }
  }

  private static double mean(double[] losses, int from) {
    double sum = 0;
    for (int i = from; i < from + WINDOW; i++) {
      sum += losses[i];
    }
    return sum / WINDOW;
  }

  private static float[] sample(Sampler sampler, int steps) {
    int[] labels = {0, 1, 2, 0, 1, 2, 0, 1};
    float[] images = new float[labels.length * SIDE * SIDE];
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate((long) Float.BYTES * images.length, Float.BYTES);
      sampler.sample(SampleRequest.of(labels, 5, 1, steps), memory);
      MemorySegment.ofArray(images).copyFrom(memory);
    }
    return images;
  }

  private static double distance(float[] a, float[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += ((double) a[i] - b[i]) * ((double) a[i] - b[i]);
    }
    return sum / a.length;
  }
}
