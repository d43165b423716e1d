package org.halfstep.distill;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
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
import org.halfstep.graph.PlanOptions;
import org.halfstep.latent.ClipTextConfig;
import org.halfstep.latent.LatentUNetConfig;
import org.halfstep.model.ComponentCard;
import org.halfstep.model.Network;
import org.halfstep.text.TokenTable;
import org.halfstep.train.ConditionedNetwork;
import org.halfstep.train.RunSettings;
import org.halfstep.train.Trainer;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is said of memory before a run, beside what the run then takes. */
class DistillationMemoryTest {
  @TempDir private Path folder;

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void whatIsSaidIsWhatIsTaken(boolean recomputes) throws IOException {
    TinyPipeline.write(folder.resolve("tiny"));
    LatentDistillationSettings settings = LatentRuns.settings(true, false, false, recomputes);
    RunSettings run = settings.students().guided();
    try (Device device = new CpuDevice();
        Checkpoint checkpoint =
            Checkpoint.open(folder.resolve("tiny/diffusers"), CheckpointOptions.standard())) {
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
                LatentRuns.LATENT,
                16);
        ConditionedNetwork teacher = models.openTeacher();
        LatentUNetConfig guided =
            ((LatentUNetConfig) teacher.network().architecture()).withGuidance(16);
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
                      new LatentRuns.Latents(6, LatentRuns.LATENT, 3, 0),
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
          }
        }
      }
    }
  }
}
