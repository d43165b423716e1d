package org.halfstep.distill;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.halfstep.checkpoint.Checkpoint;
import org.halfstep.checkpoint.CheckpointOptions;
import org.halfstep.checkpoint.Component;
import org.halfstep.checkpoint.Part;
import org.halfstep.checkpoint.TextDescription;
import org.halfstep.checkpoint.TinyPipeline;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.Slab;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.diffusion.GuidanceRange;
import org.halfstep.diffusion.LossWeighting;
import org.halfstep.graph.PlanOptions;
import org.halfstep.graph.Shape;
import org.halfstep.latent.ClipTextConfig;
import org.halfstep.latent.LatentUNetConfig;
import org.halfstep.model.ComponentCard;
import org.halfstep.model.Network;
import org.halfstep.text.TokenTable;
import org.halfstep.train.ConditionedNetwork;
import org.halfstep.train.OptimizerSettings;
import org.halfstep.train.RunSettings;
import org.halfstep.train.Trainer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What is said of memory before a run, beside what the run then takes. */
class DistillationMemoryTest {
  @TempDir private Path folder;

  @ParameterizedTest
  @CsvSource({"false, F32", "true, F32", "true, BF16"})
  void whatIsSaidIsWhatIsTaken(boolean recomputes, DataType precision) throws IOException {
    TinyPipeline.write(folder.resolve("tiny"));
    RunSettings of = LatentRuns.settings(true, false, false, recomputes).students().guided();
    RunSettings run =
        new RunSettings(
            of.batch(),
            of.updates(),
            of.learningRate(),
            of.warmUp(),
            of.anneal(),
            of.optimizer(),
            of.weighting(),
            precision);
    measure(folder.resolve("tiny/diffusers"), LatentRuns.LATENT, 16, run, recomputes);
  }

  /**
   * One update of Stable Diffusion 1.5 on a machine of 24 GiB: at batch 1, with moments in
   * bfloat16, without an average. Takes minutes and the machine for itself, with any weights of
   * these shapes: {@code -Dhalfstep.sd15=FOLDER}.
   */
  @Test
  @EnabledIfSystemProperty(named = "halfstep.sd15", matches = ".+")
  void anUpdateOfThePublishedSizeTakesWhatIsSaid() throws IOException {
    OptimizerSettings optimizer =
        new OptimizerSettings(0.9, 0.999, 1e-8, 0, false, 1, 0).withState(DataType.BF16);
    RunSettings run =
        new RunSettings(
            1, 1, 1e-5, 0, false, optimizer, LossWeighting.TRUNCATED_SNR, DataType.BF16);
    long before = highWater();
    DistillationMemory said =
        measure(Path.of(System.getProperty("halfstep.sd15")), new Shape(64, 64, 4), 256, run, true);
    long taken = highWater() - before;
    System.out.println("the process grew by " + taken + " bytes at most; said were " + said);
    assertEquals(taken, said.bytes(), 0.05 * taken, "the whole process, by the kernel");
  }

  /** Most bytes that the process ever had in memory, by the kernel. */
  private static long highWater() throws IOException {
    return Files.readAllLines(Path.of("/proc/self/status")).stream()
        .filter(line -> line.startsWith("VmHWM:"))
        .mapToLong(line -> 1024 * Long.parseLong(line.replaceAll("\\D", "")))
        .findFirst()
        .orElseThrow();
  }

  /** Says it, makes an update, and compares. */
  private DistillationMemory measure(
      Path model, Shape latent, int guidanceWidth, RunSettings run, boolean recomputes)
      throws IOException {
    try (Device device = new CpuDevice();
        Checkpoint checkpoint = Checkpoint.open(model, CheckpointOptions.standard())) {
      Component text = checkpoint.component(Part.TEXT_ENCODER).orElseThrow();
      TextDescription description = (TextDescription) text.network();
      TokenTable captions =
          TokenTable.of(
              checkpoint.openTokenizer().orElseThrow(),
              LatentRuns.CAPTIONS,
              description.positions());
      ClipTextConfig config = ClipTextConfig.context(description);
      long before = Slab.liveBytes();
      try (Network<ClipTextConfig, ComponentCard> encoder =
          Network.open(
              device,
              config,
              new ComponentCard("text encoder", Map.of()),
              text.tensors(),
              config.names(),
              Network.DEFAULT_MEMORY)) {
        LatentModels models =
            new LatentModels(
                device,
                checkpoint,
                Network.DEFAULT_MEMORY,
                folder,
                encoder,
                captions,
                latent,
                guidanceWidth);
        ConditionedNetwork teacher = models.openTeacher();
        LatentUNetConfig guided =
            ((LatentUNetConfig) teacher.network().architecture()).withGuidance(guidanceWidth);
        try (var _ = teacher.network()) {
          DistillationMemory said =
              DistillationMemory.ofStageOne(
                  device, teacher.network(), guided.graph(), encoder, run, recomputes);
          assertEquals(
              said.bytes(), said.uses().stream().mapToLong(DistillationMemory.Use::bytes).sum());
          ConditionedNetwork student =
              models.student(teacher, true, teacher.network().card().guided(2, 14, Map.of()));
          try (var _ = student.network();
              Trainer trainer =
                  new Trainer(
                      student,
                      new LatentRuns.Latents(6, latent, LatentRuns.CAPTIONS.size(), 0),
                      PlanOptions.training(run.batch(), 1)
                          .withType(run.precision())
                          .withRecomputation(recomputes),
                      1,
                      run.optimizer(),
                      (batch, draws) ->
                          new GuidedObjective(
                              teacher, batch, draws, new GuidanceRange(2, 14), run.weighting()))) {
            trainer.step(0, 1e-4);
            long taken = Slab.liveBytes() - before;
            assertEquals(taken, said.bytes(), 0.05 * taken, said.toString());
            assertEquals(
                2 * DataType.BF16.bytes() * guided.graph().parameterFloats(),
                said.uses().stream()
                    .filter(use -> use.what().equals("optimizer's moments"))
                    .mapToLong(DistillationMemory.Use::bytes)
                    .sum());
            assertTrue(said.uses().stream().allMatch(use -> use.bytes() > 0));
            return said;
          }
        }
      }
    }
  }
}
