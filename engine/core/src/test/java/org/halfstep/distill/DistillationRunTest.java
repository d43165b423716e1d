package org.halfstep.distill;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.diffusion.Chain;
import org.halfstep.diffusion.DistillationTarget;
import org.halfstep.diffusion.HalvingSchedule;
import org.halfstep.diffusion.LearningRate;
import org.halfstep.diffusion.NoiseSchedule;
import org.halfstep.diffusion.TimeGrid;
import org.halfstep.distill.SmallRuns.Events;
import org.halfstep.model.ModelCard;
import org.halfstep.model.ModelCard.Role;
import org.halfstep.model.Network;
import org.halfstep.model.UNetConfig;
import org.halfstep.random.Philox;
import org.halfstep.train.ClassConditioned;
import org.halfstep.train.LabelledImages;
import org.halfstep.train.RunSettings;
import org.halfstep.train.Trainer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a whole distillation leaves behind, and that each stage is what it says it is. */
class DistillationRunTest {
  @TempDir Path folder;
  private Device device;
  private Path teacher;

  @BeforeEach
  void open() throws IOException {
    device = new CpuDevice();
    SmallRuns.train(device, folder.resolve("teacher"), 100, Events.collecting());
    teacher = folder.resolve("teacher").resolve("teacher.safetensors");
  }

  @AfterEach
  void close() {
    device.close();
  }

  private Events distill(Path run, boolean stochastic) throws IOException {
    Events events = Events.collecting();
    assertTrue(
        SmallRuns.distill(device, teacher, run, SmallRuns.distillation(100, stochastic), events));
    return events;
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  @DisplayName("C7 naming: each file says what it is, which steps and which w it is for")
  void filesAndCards(boolean stochastic) throws IOException {
    Path run = folder.resolve("run");
    distill(run, stochastic);
    assertEquals(
        Set.of("guided.safetensors", "student-2.safetensors", "student-1.safetensors"),
        SmallRuns.models(run).keySet());
    ModelCard first = card(teacher);
    assertEquals(Role.TEACHER, first.role());
    ModelCard guided = card(run.resolve("guided.safetensors"));
    assertEquals(Role.GUIDED, guided.role());
    assertEquals(null, guided.steps());
    for (int steps : new int[] {2, 1}) {
      ModelCard student = card(run.resolve(DistillationRun.studentFile(steps)));
      assertEquals(Role.STUDENT, student.role());
      assertEquals(steps, student.steps());
      assertEquals(stochastic ? Chain.STOCHASTIC : Chain.DETERMINISTIC, student.chain());
      assertEquals(steps == 1 ? "3" : "2", student.provenance().get("updates"));
    }
    for (String name : List.of("guided", "student-2", "student-1")) {
      ModelCard card = card(run.resolve(name + ".safetensors"));
      assertEquals(0, card.guidanceMin());
      assertEquals(4, card.guidanceMax());
      assertEquals("patterns", card.dataset());
      assertEquals(List.of("a", "b", "c"), card.classNames());
      assertEquals(first.maxLogSnr(), card.maxLogSnr());
    }
  }

  @Test
  void encodersBeginWithTheTeacherAndSayWhatTheyAre() throws IOException {
    Path run = folder.resolve("encoders");
    Events events = Events.collecting();
    DistillationSettings settings = SmallRuns.distillation(100, StudentKind.ENCODER);
    assertTrue(SmallRuns.distill(device, teacher, run, settings, events));
    assertEquals(
        Set.of("beginning.safetensors", "encoder-2.safetensors", "encoder-1.safetensors"),
        SmallRuns.models(run).keySet());
    assertEquals(
        settings.totalUpdates(),
        events.lines().stream().filter(line -> line.startsWith("update")).count());
    for (int steps : new int[] {2, 1}) {
      ModelCard encoder = card(run.resolve(settings.student(steps) + ".safetensors"));
      assertEquals(Role.STUDENT, encoder.role());
      assertEquals(Chain.ENCODER, encoder.chain());
      assertTrue(encoder.encodes());
      assertEquals(steps, encoder.steps());
      assertEquals(0, encoder.guidanceMin());
      assertEquals(0, encoder.guidanceMax());
      assertEquals(List.of("a", "b", "c"), encoder.classNames());
    }
    try (Network<UNetConfig, ModelCard> own = Network.load(device, UNetConfig.FORMAT, teacher);
        Network<UNetConfig, ModelCard> begun =
            Network.load(device, UNetConfig.FORMAT, run.resolve("beginning.safetensors"))) {
      own.graph()
          .parameters()
          .values()
          .forEach(
              one ->
                  assertArrayEquals(
                      own.weights().get(one),
                      begun.weights().get(begun.graph().parameters().get(one.name())),
                      one.name()));
    }
  }

  @Test
  void naiveStudentsKeepBothBranches() throws IOException {
    Path run = folder.resolve("naive");
    DistillationSettings settings = SmallRuns.distillation(100, StudentKind.NAIVE);
    assertTrue(SmallRuns.distill(device, teacher, run, settings, Events.collecting()));
    for (int steps : new int[] {2, 1}) {
      try (Network<UNetConfig, ModelCard> student =
          Network.load(
              device, UNetConfig.FORMAT, run.resolve(settings.student(steps) + ".safetensors"))) {
        assertEquals(Role.NAIVE, student.card().role());
        assertEquals(steps, student.card().steps());
        assertFalse(student.architecture().isGuided());
        assertTrue(student.architecture().nullLabel());
        assertEquals(student.card(), ModelCard.fromJson(student.card().toJson()));
      }
    }
    // Both branches learned: the null label's row is not the teacher's any more.
    try (Network<UNetConfig, ModelCard> own = Network.load(device, UNetConfig.FORMAT, teacher);
        Network<UNetConfig, ModelCard> last =
            Network.load(device, UNetConfig.FORMAT, run.resolve("student-1.safetensors"))) {
      float[] before = own.weights().get(own.graph().parameters().get("label_emb.weight"));
      float[] after = last.weights().get(last.graph().parameters().get("label_emb.weight"));
      int width = before.length / (own.architecture().numClasses() + 1);
      int from = before.length - width;
      assertFalse(
          Arrays.equals(before, from, before.length, after, from, after.length), "null label");
    }
    assertEquals(
        settings.schedule().totalUpdates(), settings.totalUpdates(), "there is no stage one");
  }

  @Test
  void whatEncodersAndNaiveStudentsCannotBeginWithIsRefused() throws IOException {
    Path run = folder.resolve("run");
    distill(run, false);
    Path guided = run.resolve("guided.safetensors");
    IllegalArgumentException naive =
        assertThrows(
            IllegalArgumentException.class,
            () ->
                SmallRuns.distill(
                    device,
                    guided,
                    folder.resolve("refused"),
                    SmallRuns.distillation(100, StudentKind.NAIVE),
                    Events.collecting()));
    assertTrue(
        naive.getMessage().contains("naive students begin with a teacher"), naive.toString());
    // w = 0 is in its range.
    assertTrue(
        SmallRuns.distill(
            device,
            guided,
            folder.resolve("encoders-of-guided"),
            SmallRuns.distillation(100, StudentKind.ENCODER),
            Events.collecting()));
  }

  private ModelCard card(Path file) throws IOException {
    try (Network<UNetConfig, ModelCard> network = Network.load(device, UNetConfig.FORMAT, file)) {
      assertEquals(network.card().role() != Role.TEACHER, network.architecture().isGuided());
      return network.card();
    }
  }

  @Test
  @DisplayName("C7 learning rate: falls to zero in each stage and starts again in the next")
  void ratesOfEachStage() throws IOException {
    double rate = SmallRuns.RATE;
    List<String> rates =
        distill(folder.resolve("run"), false).lines().stream()
            .filter(line -> line.startsWith("update"))
            .map(line -> line.substring(line.indexOf(" at ") + 4))
            .toList();
    List<Double> expected =
        List.of(rate, rate * 2 / 3, rate / 3, rate, rate / 2, rate, rate * 2 / 3, rate / 3);
    assertEquals(expected.size(), rates.size());
    for (int i = 0; i < expected.size(); i++) {
      assertEquals(expected.get(i), Double.parseDouble(rates.get(i)), 1e-12, "update " + i);
    }
  }

  @Test
  @DisplayName(
      "C7 new teacher: each stage starts from the raw student before it, with a fresh optimizer")
  void eachStageIsTheOneBeforeTrainedAnew() throws IOException {
    Path run = folder.resolve("run");
    distill(run, false);
    DistillationSettings settings = SmallRuns.distillation(100, false);
    HalvingSchedule schedule = settings.schedule();
    String teacherName = "guided.safetensors";
    for (int stage = 0; stage < schedule.stages(); stage++) {
      HalvingSchedule.Stage now = schedule.stage(stage);
      try (ImageDataset data = SmallRuns.data();
          Network<UNetConfig, ModelCard> from =
              Network.load(device, UNetConfig.FORMAT, run.resolve(teacherName));
          Network<UNetConfig, ModelCard> student =
              Network.like(
                  device,
                  from.architecture(),
                  from.card().student(1, Chain.DETERMINISTIC, Map.of()),
                  from);
          Trainer trainer =
              trainer(student, from, data, settings, now, Philox.childSeed(6, 3 + stage))) {
        LearningRate rate = new LearningRate.LinearToZero(SmallRuns.RATE, now.updates());
        for (long update = 0; update < now.updates(); update++) {
          trainer.step(update, rate.at(update));
        }
        teacherName = DistillationRun.studentFile(now.studentSteps());
        try (Network<UNetConfig, ModelCard> kept =
            Network.load(device, UNetConfig.FORMAT, run.resolve(teacherName))) {
          assertArrayEquals(kept.weights().toArray(), student.weights().toArray(), teacherName);
        }
      }
    }
  }

  private static Trainer trainer(
      Network<UNetConfig, ModelCard> student,
      Network<UNetConfig, ModelCard> from,
      ImageDataset data,
      DistillationSettings settings,
      HalvingSchedule.Stage stage,
      long seed) {
    RunSettings run = settings.halving();
    return new Trainer(
        new ClassConditioned(student),
        new LabelledImages(data, true),
        run.batch(),
        seed,
        run.optimizer(),
        (batch, draws) ->
            new HalvingObjective(
                new ClassConditioned(from),
                batch,
                draws,
                settings.guidance(),
                run.weighting(),
                DistillationTarget.deterministic(
                    new NoiseSchedule.TruncatedCosine(NoiseSchedule.MAX_LOG_SNR),
                    TimeGrid.UNIFORM,
                    stage.studentSteps())));
  }
}
