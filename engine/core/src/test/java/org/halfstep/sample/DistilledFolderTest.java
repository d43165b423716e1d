package org.halfstep.sample;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.halfstep.checkpoint.Checkpoint;
import org.halfstep.checkpoint.CheckpointOptions;
import org.halfstep.checkpoint.Component;
import org.halfstep.checkpoint.FolderWriter;
import org.halfstep.checkpoint.Part;
import org.halfstep.checkpoint.SchedulerConfig;
import org.halfstep.checkpoint.SingleFileWriter;
import org.halfstep.checkpoint.TinyPipeline;
import org.halfstep.checkpoint.UNetDescription;
import org.halfstep.checkpoint.WriteOptions;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.diffusion.Chain;
import org.halfstep.diffusion.Solver;
import org.halfstep.files.DataException;
import org.halfstep.files.Json;
import org.halfstep.latent.LatentUNetConfig;
import org.halfstep.model.ModelCard;
import org.halfstep.model.ModelCard.Role;
import org.halfstep.model.Network;
import org.halfstep.model.TensorNames;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Folders of students of latent models: written, and used as what they are. */
class DistilledFolderTest {
  private static final int SIDE = 8;
  private static final int WIDTH = 256;

  @TempDir private static Path folder;

  @BeforeAll
  static void write() throws IOException {
    TinyPipeline.write(folder.resolve("tiny"));
    student("student", card(4, Chain.DETERMINISTIC), false);
    student("stochastic", card(2, Chain.STOCHASTIC), true);
    student("guided", guided(), false);
  }

  private static Path teacher() {
    return folder.resolve("tiny/diffusers");
  }

  private static ModelCard guided() {
    return ModelCard.teacher("words", List.of(), Map.of()).guided(2, 14, Map.of("seed", "7"));
  }

  private static ModelCard card(int steps, Chain chain) {
    return guided().student(steps, chain, Map.of("seed", "8"));
  }

  /** The tiny model with a guidance input that is zero at first, as a student of its own. */
  private static void student(String name, ModelCard card, boolean zeroTerminal)
      throws IOException {
    try (Device device = new CpuDevice();
        Checkpoint from = Checkpoint.open(teacher(), CheckpointOptions.standard());
        Network<LatentUNetConfig, ModelCard> teacher = network(device, from);
        Network<LatentUNetConfig, ModelCard> student =
            Network.like(device, teacher.architecture().withGuidance(WIDTH), card, teacher)) {
      SchedulerConfig scheduler = from.scheduler().orElseThrow().distilled();
      Component unet =
          Component.of(student.architecture().network(), SIDE, "a student", student.values(), card);
      try (Checkpoint whole =
          Checkpoint.assemble(
              folder.resolve(name),
              List.of(
                  unet,
                  from.component(Part.AUTOENCODER).orElseThrow(),
                  from.component(Part.TEXT_ENCODER).orElseThrow()),
              zeroTerminal ? scheduler.withZeroTerminal() : scheduler,
              from.tokenizer().orElseThrow())) {
        FolderWriter.write(whole, folder.resolve(name), WriteOptions.same());
      }
    }
  }

  private static Network<LatentUNetConfig, ModelCard> network(Device device, Checkpoint from)
      throws IOException {
    Component unet = from.component(Part.UNET).orElseThrow();
    return Network.open(
        device,
        new LatentUNetConfig((UNetDescription) unet.network(), SIDE, SIDE, 77),
        ModelCard.teacher("words", List.of(), Map.of()),
        unet.tensors(),
        TensorNames.OWN,
        Network.DEFAULT_MEMORY);
  }

  private static DiffusionModel open(Device device, String name) throws IOException {
    return DiffusionModel.open(folder.resolve(name), ModelOptions.standard().withDevice(device));
  }

  @Test
  void aStudentIsUsedAsItWasMade() throws IOException {
    try (Device device = new CpuDevice();
        DiffusionModel model = open(device, "student")) {
      assertEquals(Role.STUDENT, model.card().role());
      assertEquals("8", model.card().provenance().get("seed"));
      SampleRequest usual = model.request("a fox");
      assertEquals(4, usual.steps());
      assertEquals(Solver.DDIM, usual.sampler());
      assertEquals(4, model.evaluations(usual), "guidance is embedded: one evaluation a step");
      assertEquals(6.5, usual.guidance());
      byte[] pixels = model.sample(usual.withSeed(1)).pixels();
      assertTrue(pixels.length > 0);
      // The guidance input is zero still.
      assertArrayEquals(pixels, model.sample(usual.withSeed(1).withGuidance(14)).pixels());
      assertRefused(model, usual.withSteps(5), "distilled for 4 steps");
      assertRefused(model, usual.withGuidance(1.5), "w in [2.0, 14.0]");
      assertRefused(model, usual.withSampler(Solver.STOCHASTIC), "ddim");
      assertRefused(
          model,
          usual.withCondition(Condition.prompts(List.of("a fox"), "red")),
          "no negative prompt");
    }
  }

  private static void assertRefused(DiffusionModel model, SampleRequest request, String said) {
    String line =
        assertThrows(IllegalArgumentException.class, () -> model.sample(request)).getMessage();
    assertTrue(line.contains(said), line);
  }

  /** From the levels of trailing steps, which are the nodes i/N that students are trained at. */
  @ParameterizedTest
  @CsvSource({"student,DDIM", "stochastic,STOCHASTIC"})
  void aStudentIsSampledAtTheTimesItWasTrainedAt(String name, Solver solver) throws IOException {
    try (Device device = new CpuDevice();
        LatentComponents components =
            new LatentComponents(
                device, folder.resolve(name), ModelOptions.standard().withDevice(device))) {
      int steps = components.card().steps();
      assertEquals(solver, components.card().solver());
      double[] times =
          components.sampling().grid(solver).times(components.card().noiseSchedule(), steps);
      double[] nodes = new double[steps + 1];
      for (int i = 0; i <= steps; i++) {
        nodes[i] = (double) (steps - i) / steps;
      }
      assertArrayEquals(nodes, times, 1e-12);
      assertEquals(
          name.equals("stochastic") ? 0 : 0.068, components.card().noiseSchedule().alpha(1), 5e-4);
    }
  }

  @Test
  void stockPipelinesTakeTheFolderAsItIs() throws IOException {
    ObjectNode index = json("student", "model_index.json");
    assertEquals("StableDiffusionPipeline", index.path("_class_name").asText());
    assertEquals("DDIMScheduler", index.path("scheduler").path(1).asText());
    assertEquals(WIDTH, json("student", "unet/config.json").path("time_cond_proj_dim").asInt());
    ObjectNode scheduler = json("student", "scheduler/scheduler_config.json");
    assertEquals("v_prediction", scheduler.path("prediction_type").asText());
    assertEquals("trailing", scheduler.path("timestep_spacing").asText());
    assertEquals("scaled_linear", scheduler.path("beta_schedule").asText());
    assertEquals(0.00085, scheduler.path("beta_start").asDouble());
    assertEquals(0.012, scheduler.path("beta_end").asDouble());
    assertTrue(scheduler.path("set_alpha_to_one").asBoolean());
    assertFalse(scheduler.path("clip_sample").asBoolean(true));
    assertEquals(1, scheduler.path("steps_offset").asInt());
    assertTrue(
        json("stochastic", "scheduler/scheduler_config.json")
            .path("rescale_betas_zero_snr")
            .asBoolean());
    assertEquals(
        "LatentConsistencyModelPipeline",
        json("tiny/lcm", "model_index.json").path("_class_name").asText());
  }

  private static ObjectNode json(String name, String file) throws IOException {
    return Json.read(ObjectNode.class, folder.resolve(name).resolve(file));
  }

  @Test
  void theCardGoesWithEveryLayout() throws IOException {
    Path file = folder.resolve("student.safetensors");
    try (Checkpoint read =
        Checkpoint.open(folder.resolve("student"), CheckpointOptions.standard())) {
      SingleFileWriter.write(read, file, WriteOptions.same());
    }
    try (Checkpoint single = Checkpoint.open(file, CheckpointOptions.standard())) {
      ModelCard card = single.component(Part.UNET).orElseThrow().card().orElseThrow();
      assertEquals(card(4, Chain.DETERMINISTIC), card);
    }
    try (Checkpoint foreign = Checkpoint.open(teacher(), CheckpointOptions.standard())) {
      assertTrue(foreign.component(Part.UNET).orElseThrow().card().isEmpty());
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"TEACHER", "STUDENT"})
  void aCardOfAnotherNetworkIsRefused(Role role) throws IOException {
    try (Checkpoint foreign = Checkpoint.open(teacher(), CheckpointOptions.standard());
        Checkpoint own = Checkpoint.open(folder.resolve("student"), CheckpointOptions.standard())) {
      Component of = (role == Role.STUDENT ? foreign : own).component(Part.UNET).orElseThrow();
      ModelCard other =
          role == Role.STUDENT
              ? card(4, Chain.DETERMINISTIC)
              : ModelCard.teacher("words", List.of(), Map.of());
      ObjectNode config = of.config().deepCopy();
      config.set("_halfstep_card", Json.tree(other));
      Component mixed = new Component(of.network(), config, of.tensors());
      String line = assertThrows(DataException.class, mixed::card).getMessage();
      assertTrue(line.contains("says that it is a " + role), line);
      config.put("_halfstep_card", "damaged");
      assertThrows(DataException.class, mixed::card);
    }
  }

  /** What a fresh student predicts is what its teacher predicts for the text, to the bit. */
  @Test
  void aFreshStudentIsItsTeacherForEveryGuidance() throws IOException {
    Path same = folder.resolve("velocity");
    try (Checkpoint from = Checkpoint.open(teacher(), CheckpointOptions.standard());
        Checkpoint velocity =
            Checkpoint.assemble(
                same,
                from.components().values(),
                from.scheduler().orElseThrow().distilled(),
                from.tokenizer().orElseThrow())) {
      FolderWriter.write(velocity, same, WriteOptions.same());
    }
    try (Device device = new CpuDevice();
        DiffusionModel guided = open(device, "guided");
        DiffusionModel teacher = open(device, "velocity")) {
      assertEquals(Role.TEACHER, teacher.card().role());
      assertEquals(Role.GUIDED, guided.card().role());
      byte[] expected =
          teacher
              .sample(teacher.request("a fox").withSeed(3).withSteps(3).withGuidance(0))
              .pixels();
      for (double w : new double[] {2, 7.5, 14}) {
        assertArrayEquals(
            expected,
            guided
                .sample(guided.request("a fox").withSeed(3).withSteps(3).withGuidance(w))
                .pixels());
      }
    }
  }
}
