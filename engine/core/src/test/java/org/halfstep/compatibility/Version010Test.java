package org.halfstep.compatibility;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import org.halfstep.LeakCheck;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.diffusion.GuidanceRange;
import org.halfstep.diffusion.LossWeighting;
import org.halfstep.diffusion.Solver;
import org.halfstep.distill.DistillationRun;
import org.halfstep.distill.DistillationSettings;
import org.halfstep.graph.Parameter;
import org.halfstep.model.ClassifierCard;
import org.halfstep.model.ClassifierConfig;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.TinyNetworks;
import org.halfstep.model.UNetConfig;
import org.halfstep.safetensors.Dtype;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.ModelOptions;
import org.halfstep.sample.SampleRequest;
import org.halfstep.train.ClassifierRun;
import org.halfstep.train.ClassifierSettings;
import org.halfstep.train.OptimizerSettings;
import org.halfstep.train.Resume;
import org.halfstep.train.RunListener;
import org.halfstep.train.RunSettings;
import org.halfstep.train.TeacherRun;
import org.halfstep.train.TeacherSettings;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/**
 * Files that version 0.1.0 wrote, with numbers that follow a pattern so that they compress: a model
 * in bfloat16, a classifier in float32, and three runs at update 2 of 4, a teacher's, a
 * classifier's and a distillation's; and, as text, the images that 0.1.0 made with the model and
 * sums over the networks that it ended its runs with.
 */
@ExtendWith(LeakCheck.class)
class Version010Test {
  /** The instruction set and the number of threads decide the last bits of a sum. */
  private static final double TOLERANCE = 2e-4;

  /** Sums over a parameter's numbers, plain and each times the cosine of its index. */
  private record Sums(double plain, double turned) {}

  private static final Map<String, Map<String, Sums>> EXPECTED = new HashMap<>();
  private static final List<Float> IMAGES = new ArrayList<>();

  @TempDir private static Path made;

  @BeforeAll
  static void unpack() throws IOException {
    try (InputStream in = Version010Test.class.getResourceAsStream("made-0.1.0.zip");
        ZipInputStream zip = new ZipInputStream(Objects.requireNonNull(in))) {
      for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
        Path file = made.resolve(entry.getName()).normalize();
        assertTrue(file.startsWith(made));
        Files.createDirectories(file.getParent());
        Files.copy(zip, file);
      }
    }
    for (String line : Files.readAllLines(made.resolve("expected.txt"))) {
      String[] words = line.split(" ");
      if (words[0].equals("image")) {
        IMAGES.add(Float.parseFloat(words[2]));
      } else {
        EXPECTED
            .computeIfAbsent(words[0], missing -> new HashMap<>())
            .put(words[1], new Sums(Double.parseDouble(words[2]), Double.parseDouble(words[3])));
      }
    }
  }

  /** What the numbers of the models were set to. */
  private static void requirePattern(Network<?, ?> network, float step) {
    int number = 0;
    for (Parameter parameter : network.graph().parameters().values()) {
      float[] expected = new float[(int) parameter.size()];
      for (int i = 0; i < expected.length; i++) {
        expected[i] = step * ((i * 7 + number * 3) % 23 - 11);
      }
      assertArrayEquals(expected, network.weights().get(parameter), parameter.name());
      number++;
    }
  }

  @Test
  void aModelIsReadToTheSameBitsAndWrittenAgain() throws IOException {
    Path file = made.resolve("model.safetensors");
    Path again = made.resolve("model-again.safetensors");
    try (Device device = new CpuDevice(1);
        Network<UNetConfig, ModelCard> network = Network.load(device, UNetConfig.FORMAT, file)) {
      requirePattern(network, 0x1p-7f);
      assertEquals(2, network.card().steps());
      assertEquals(Solver.STOCHASTIC, network.card().solver());
      assertEquals(List.of("a", "b", "c"), network.card().classNames());
      network.save(again, network.card(), Dtype.BF16);
    }
    assertEquals(-1, Files.mismatch(file, again));
  }

  @Test
  void aModelMakesTheImagesThatItMade() throws IOException {
    try (Device device = new CpuDevice(1);
        DiffusionModel model =
            DiffusionModel.open(
                made.resolve("model.safetensors"),
                ModelOptions.standard().withDevice(device).withPrecision(DataType.F32));
        Arena arena = Arena.ofConfined()) {
      MemorySegment images = arena.allocate((long) Float.BYTES * IMAGES.size(), 64);
      SampleRequest request =
          SampleRequest.of(new int[] {0, 2}, 5, 1.5, 2).withSampler(Solver.STOCHASTIC);
      model.sample(request, images);
      assertEquals(2 * model.imageValues(), IMAGES.size());
      for (int i = 0; i < IMAGES.size(); i++) {
        float got = images.getAtIndex(ValueLayout.JAVA_FLOAT, i);
        assertEquals(IMAGES.get(i), got, TOLERANCE, "value " + i);
      }
    }
  }

  @Test
  void aClassifierIsReadToTheSameBitsAndWrittenAgain() throws IOException {
    Path file = made.resolve("classifier.safetensors");
    Path again = made.resolve("classifier-again.safetensors");
    try (Device device = new CpuDevice(1);
        Network<ClassifierConfig, ClassifierCard> network =
            Network.load(device, ClassifierConfig.FORMAT, file)) {
      requirePattern(network, 0x1p-5f);
      network.save(again, network.card(), Dtype.F32);
    }
    assertEquals(-1, Files.mismatch(file, again));
  }

  private static final class Phases implements RunListener {
    private final List<String> phases = new ArrayList<>();

    @Override
    public void phase(String name, long done, long total) {
      phases.add(name + " from " + done + " of " + total);
    }

    @Override
    public void update(long done, long total, double loss, double rate, double norm) {}

    @Override
    public void saved(Path file) {}

    @Override
    public void note(String line) {}
  }

  private static RunSettings run(long updates, boolean anneal, double average) {
    return new RunSettings(
        4,
        updates,
        1e-3,
        anneal ? 0 : 1,
        anneal,
        new OptimizerSettings(0.9, 0.999, 1e-8, 0, false, 1, average),
        LossWeighting.CONSTANT);
  }

  private static void requireSums(String run, Network<?, ?> network) {
    Map<String, Sums> expected = EXPECTED.get(run);
    assertEquals(expected.keySet(), network.graph().parameters().keySet());
    for (Parameter parameter : network.graph().parameters().values()) {
      float[] values = network.weights().get(parameter);
      double plain = 0;
      double turned = 0;
      for (int i = 0; i < values.length; i++) {
        plain += values[i];
        turned += values[i] * Math.cos(i);
      }
      Sums sums = expected.get(parameter.name());
      double allowed = TOLERANCE * Math.sqrt(values.length);
      assertEquals(sums.plain(), plain, allowed, parameter.name());
      assertEquals(sums.turned(), turned, allowed, parameter.name());
    }
  }

  @Test
  void aTeacherGoesOn() throws IOException {
    Path folder = made.resolve("teacher-run");
    TeacherSettings settings =
        new TeacherSettings(TinyNetworks.config(8, 0), run(4, false, 0.5), 0.25, true, 7, 2);
    Phases phases = new Phases();
    try (Device device = new CpuDevice(1);
        ImageDataset data = TinyNetworks.images(8, 12)) {
      assertTrue(
          TeacherRun.run(
              device, data, "patterns", settings, folder, Resume.NEWEST, phases, () -> false));
      assertEquals(List.of("teacher from 2 of 4"), phases.phases);
      try (Network<UNetConfig, ModelCard> network =
          Network.load(device, UNetConfig.FORMAT, folder.resolve(TeacherRun.FILE))) {
        requireSums("teacher", network);
      }
    }
  }

  @Test
  void aClassifierGoesOn() throws IOException {
    Path folder = made.resolve("classifier-run");
    ClassifierSettings settings =
        new ClassifierSettings(
            new ClassifierConfig(8, 1, 3, List.of(8, 16)),
            4,
            4,
            1e-2,
            new OptimizerSettings(0.9, 0.999, 1e-8, 0.01, true, 1, 0.9),
            DataType.F32,
            true,
            1,
            3,
            2);
    Phases phases = new Phases();
    try (Device device = new CpuDevice(1);
        ImageDataset data = TinyNetworks.images(8, 12)) {
      assertTrue(
          ClassifierRun.run(
              device, data, "patterns", settings, folder, Resume.NEWEST, phases, () -> false));
      assertEquals(List.of("classifier from 2 of 4"), phases.phases);
      try (Network<ClassifierConfig, ClassifierCard> network =
          Network.load(device, ClassifierConfig.FORMAT, folder.resolve(ClassifierRun.FILE))) {
        requireSums("classifier", network);
      }
    }
  }

  @Test
  void aDistillationGoesOn() throws IOException {
    Path folder = made.resolve("distillation-run");
    DistillationSettings settings =
        new DistillationSettings(
            new GuidanceRange(0, 4),
            16,
            run(4, false, 0.5),
            run(2, true, 0),
            4,
            1,
            3,
            1,
            true,
            true,
            9,
            2);
    Phases phases = new Phases();
    try (Device device = new CpuDevice(1);
        ImageDataset data = TinyNetworks.images(8, 12)) {
      assertTrue(
          DistillationRun.run(
              device,
              folder.resolve("teacher.safetensors"),
              Network.DEFAULT_MEMORY,
              data,
              settings,
              null,
              folder,
              Resume.NEWEST,
              phases,
              () -> false));
      assertEquals("stage one: guidance from 2 of 4", phases.phases.getFirst());
      assertFalse(phases.phases.stream().skip(1).anyMatch(phase -> phase.startsWith("stage one")));
      try (Network<UNetConfig, ModelCard> network =
          Network.load(device, UNetConfig.FORMAT, folder.resolve(DistillationRun.studentFile(1)))) {
        requireSums("distillation", network);
      }
    }
  }
}
