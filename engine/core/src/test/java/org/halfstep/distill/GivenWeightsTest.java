package org.halfstep.distill;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.halfstep.checkpoint.TinyPipeline;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.distill.SmallRuns.Events;
import org.halfstep.files.FileDigest;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.UNetConfig;
import org.halfstep.safetensors.Dtype;
import org.halfstep.safetensors.SafetensorsFile;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Students that begin with the weights of an earlier run. */
class GivenWeightsTest {
  /** So small that no weight changes. */
  private static final double NO_RATE = 1e-30;

  private static final double RISING = 100;

  @TempDir private Path folder;
  private Device device;

  @BeforeEach
  void open() {
    device = new CpuDevice();
  }

  @AfterEach
  void close() {
    device.close();
  }

  private Path teacher() throws IOException {
    Path made = folder.resolve("made");
    SmallRuns.train(device, made, 100, Events.collecting());
    return made.resolve("teacher.safetensors");
  }

  private Events distill(String name, Path teacher, Path begun, DistillationSettings settings)
      throws IOException {
    Events events = Events.collecting();
    assertTrue(SmallRuns.distill(device, teacher, begun, folder.resolve(name), settings, events));
    return events;
  }

  private Path file(String run, String model) {
    return folder.resolve(run).resolve(model + ".safetensors");
  }

  private Network<UNetConfig, ModelCard> load(Path file) throws IOException {
    return Network.load(device, UNetConfig.FORMAT, file);
  }

  @ParameterizedTest
  @ValueSource(strings = {"guided", "student-2", "student-1"})
  void theStudentOfTheirKindBeginsWithThem(String name) throws IOException {
    Path teacher = teacher();
    distill("first", teacher, null, SmallRuns.distillation(100, false));
    Path begun = file("first", name);
    distill("second", teacher, begun, SmallRuns.distillation(100, false, NO_RATE, 4));
    for (String model : List.of("guided", "student-2", "student-1")) {
      try (Network<UNetConfig, ModelCard> network = load(file("second", model));
          Network<UNetConfig, ModelCard> known = load(begun)) {
        if (model.equals(name)) {
          assertArrayEquals(known.weights().toArray(), network.weights().toArray(), 1e-28f);
          assertEquals(FileDigest.sha256(begun), network.card().provenance().get("from"));
        } else {
          assertFalse(network.card().provenance().containsKey("from"), model);
        }
      }
    }
    assertThrows(
        IllegalArgumentException.class,
        () -> distill("second", teacher, null, SmallRuns.distillation(100, false, NO_RATE, 4)),
        "what began with a model is not gone on with without it");
  }

  @Test
  void stageOneMayBeginWithATeacherThatLearnedOn() throws IOException {
    Path teacher = teacher();
    Path other = folder.resolve("other.safetensors");
    try (Network<UNetConfig, ModelCard> network = load(teacher)) {
      float[] weights = network.weights().toArray();
      for (int i = 0; i < weights.length; i++) {
        weights[i] *= 1.5f;
      }
      network.weights().upload(MemorySegment.ofArray(weights));
      network.save(other, network.card(), Dtype.F32);
    }
    distill("run", teacher, other, SmallRuns.distillation(100, false, NO_RATE, 4));
    try (SafetensorsFile begun = SafetensorsFile.open(other);
        SafetensorsFile made = SafetensorsFile.open(file("run", "guided"))) {
      for (String name : begun.names()) {
        assertArrayEquals(
            begun.find(name).orElseThrow().floats(),
            made.find(name).orElseThrow().floats(),
            1e-28f,
            name);
      }
    }
  }

  /** The optimizer knows nothing of them yet. */
  @Test
  void theirRateRisesFirst() throws IOException {
    Path teacher = teacher();
    distill("first", teacher, null, SmallRuns.distillation(100, false));
    double rate = SmallRuns.RATE;
    List<Double> rates = new ArrayList<>();
    for (String line :
        distill("second", teacher, file("first", "student-2"), SmallRuns.distillation(100, false))
            .lines()) {
      if (line.startsWith("update")) {
        rates.add(Double.parseDouble(line.substring(line.indexOf(" at ") + 4)));
      }
    }
    List<Double> expected =
        List.of(
            rate,
            rate * 2 / 3,
            rate / 3,
            rate / RISING,
            rate / 2 * 2 / RISING,
            rate,
            rate * 2 / 3,
            rate / 3);
    assertEquals(expected.size(), rates.size());
    for (int i = 0; i < expected.size(); i++) {
      assertEquals(expected.get(i), rates.get(i), 1e-12, "update " + i);
    }
  }

  private String refusal(Path teacher, Path begun, DistillationSettings settings) {
    String said =
        assertThrows(Exception.class, () -> distill("refused", teacher, begun, settings))
            .getMessage();
    assertTrue(said.startsWith(begun.toString()), said);
    assertFalse(said.contains("\n"), said);
    return said;
  }

  @Test
  void whatIsOfNoPhaseOfTheRunIsRefused() throws IOException {
    Path teacher = teacher();
    DistillationSettings usual = SmallRuns.distillation(100, false);
    distill("first", teacher, null, usual);
    distill("chain", teacher, null, SmallRuns.distillation(100, true));
    assertTrue(
        refusal(teacher, file("chain", "student-2"), usual)
            .contains("a student of the STOCHASTIC chain, not of the DETERMINISTIC"));
    Files.move(folder.resolve("refused"), folder.resolve("begun"));
    assertTrue(
        refusal(teacher, file("first", "guided"), SmallRuns.distillation(100, false, 1e-3, 3))
            .contains("was made for guidance w in [0.0, 4.0]"));
    Path wide = folder.resolve("wide.safetensors");
    try (Network<UNetConfig, ModelCard> network = load(file("first", "student-2"))) {
      ModelCard card = network.card();
      network.save(wide, card.student(4, card.chain(), card.provenance()), Dtype.F32);
    }
    assertTrue(
        refusal(teacher, wide, usual)
            .contains("is a 4-step student; the run makes students of 2 to 1 steps"));
    assertTrue(
        refusal(file("first", "guided"), file("first", "guided"), usual)
            .contains("its teacher is a stage-one model"));
  }

  private static double distance(Path run, String model, Path other) throws IOException {
    Path file = Path.of("unet", "diffusion_pytorch_model.safetensors");
    double most = 0;
    try (SafetensorsFile one = SafetensorsFile.open(run.resolve(model).resolve(file));
        SafetensorsFile two = SafetensorsFile.open(other.resolve(file))) {
      for (String name : one.names()) {
        float[] a = one.find(name).orElseThrow().floats();
        float[] b = two.find(name).orElseThrow().floats();
        for (int i = 0; i < a.length; i++) {
          most = Math.max(most, Math.abs(a[i] - b[i]));
        }
      }
    }
    return most;
  }

  /** Two updates of rate 1e-4 leave far more than two at the beginning of its rise. */
  @Test
  void latentStudentsBeginWithThem() throws IOException {
    TinyPipeline.write(folder.resolve("tiny"));
    Path teacher = folder.resolve("tiny/diffusers");
    LatentDistillationSettings settings = LatentRuns.settings(false, false, false, false);
    Path first = folder.resolve("first");
    assertTrue(
        LatentRuns.distill(device, teacher, settings, first, Events.collecting(), () -> false));
    List<String> models = List.of("velocity", "guided", "student-2", "student-1");
    for (String name : List.of("velocity", "student-2")) {
      Path run = folder.resolve("from-" + name);
      Path begun = first.resolve(name);
      assertTrue(
          LatentRuns.distill(
              device, teacher, settings, false, begun, run, Events.collecting(), () -> false));
      assertTrue(distance(run, name, begun) < 5e-6, name + " " + distance(run, name, begun));
      for (String model : models) {
        String card = Files.readString(run.resolve(model).resolve("unet/config.json"));
        assertEquals(model.equals(name), card.contains("\"from\""), model + " from " + name);
      }
    }
    Path run = folder.resolve("from-student-2");
    assertTrue(distance(run, "student-2", run.resolve("guided")) > 5e-5, "far from its teacher's");
  }
}
