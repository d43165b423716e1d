package org.halfstep.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.diffusion.Betas;
import org.halfstep.diffusion.ContinuousNoise;
import org.halfstep.diffusion.LearningRate;
import org.halfstep.diffusion.LossWeighting;
import org.halfstep.diffusion.Parameterization;
import org.halfstep.diffusion.TimeGrid;
import org.halfstep.files.DataException;
import org.halfstep.files.FileDigest;
import org.halfstep.files.Json;
import org.halfstep.graph.Parameter;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.TinyNetworks;
import org.halfstep.model.UNetConfig;
import org.halfstep.safetensors.Dtype;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Trainings that begin with the weights of a model. */
class TeacherFromTest {
  private static final int SIDE = 8;

  /** So small that no weight changes. */
  private static final double NO_RATE = 1e-30;

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

  private static TeacherSettings settings(double rate, float dropout) {
    return new TeacherSettings(
        TinyNetworks.config(SIDE, dropout),
        new RunSettings(
            2, 2, rate, 0, false, OptimizerSettings.adam(0.9), LossWeighting.SNR_PLUS_1),
        0.2,
        true,
        5,
        1);
  }

  private Path train(String name, TeacherSettings settings, Path from) throws IOException {
    Path run = folder.resolve(name);
    try (ImageDataset data = TinyNetworks.images(SIDE, 10)) {
      assertTrue(
          TeacherRun.run(
              device,
              data,
              "patterns",
              settings,
              from,
              run,
              Resume.NEWEST,
              CheckpointsTest.silent(() -> {}),
              () -> false));
    }
    return run.resolve(TeacherRun.FILE);
  }

  private Network<UNetConfig, ModelCard> load(Path file) throws IOException {
    return Network.load(device, UNetConfig.FORMAT, file);
  }

  @Test
  void aRunBeginsWithTheWeightsOfAnother() throws IOException {
    Path first = train("first", settings(1e-3, 0), null);
    Path second = train("second", settings(NO_RATE, 0.5f), first);
    try (Network<UNetConfig, ModelCard> known = load(first);
        Network<UNetConfig, ModelCard> continued = load(second)) {
      assertArrayEquals(known.weights().toArray(), continued.weights().toArray(), 1e-29f);
      assertEquals(FileDigest.sha256(first), continued.card().provenance().get("from"));
      assertFalse(known.card().provenance().containsKey("from"));
    }
    assertThrows(
        IllegalArgumentException.class,
        () -> train("second", settings(NO_RATE, 0.5f), null),
        "what began with a model is not gone on with without it");
  }

  /** As published networks are: of eps, on other noise, and never without a class. */
  @Test
  void aNetworkOfEpsGetsARowForNoLabel() throws IOException {
    UNetConfig config = TinyNetworks.config(SIDE, 0);
    Path published = folder.resolve("published.safetensors");
    ModelCard card =
        TinyNetworks.teacherCard()
            .withDiffusion(Betas.COSINE, Parameterization.EPS, TimeGrid.UNIFORM);
    try (Network<UNetConfig, ModelCard> network =
        Network.fresh(device, withoutNullLabel(config), card, 3)) {
      network.save(published, card, Dtype.F32);
    }
    Path taught = train("taught", settings(NO_RATE, 0), published);
    try (Network<UNetConfig, ModelCard> known = load(published);
        Network<UNetConfig, ModelCard> teacher = load(taught)) {
      assertEquals(Parameterization.V, teacher.card().predicts());
      assertTrue(teacher.architecture().nullLabel());
      float[] before = known.weights().get(parameter(known, UNetConfig.LABEL_TABLE));
      float[] after = teacher.weights().get(parameter(teacher, UNetConfig.LABEL_TABLE));
      int row = config.embeddingChannels();
      assertEquals(before.length + row, after.length);
      assertArrayEquals(Arrays.copyOf(before, after.length), after, 1e-29f);
    }
  }

  private static Parameter parameter(Network<?, ?> network, String name) {
    return network.graph().parameters().get(name);
  }

  private static UNetConfig withoutNullLabel(UNetConfig config) {
    ObjectNode json = (ObjectNode) Json.tree(config);
    return UNetConfig.fromJson(json.put("cfg", false).toString());
  }

  /** The optimizer knows nothing yet where weights are known already. */
  @Test
  void aRateThatFallsCanRiseFirst() {
    LearningRate rate =
        new RunSettings(1, 10, 0.8, 4, true, OptimizerSettings.adam(0), LossWeighting.SNR_PLUS_1)
            .schedule();
    assertEquals(0.8 / 4, rate.at(0), 1e-12);
    assertEquals(0.8 * 7 / 10, rate.at(3), 1e-12);
    assertEquals(0.8 * 1 / 10, rate.at(9), 1e-12);
  }

  @Test
  void refusesOtherNetworksAndStudents() throws IOException {
    Path first = train("first", settings(1e-3, 0), null);
    TeacherSettings wide = settings(1e-3, 0);
    UNetConfig guided = wide.network().withGuidance(TinyNetworks.GUIDANCE_DIM);
    DataException other =
        assertThrows(
            DataException.class,
            () -> train("other", new TeacherSettings(guided, wide.run(), 0.2, true, 5, 1), first));
    assertTrue(other.getMessage().contains("has another network than the settings"));
    Path edm = folder.resolve("edm.safetensors");
    try (Network<UNetConfig, ModelCard> network = load(first)) {
      network.save(
          edm, network.card().withNoise(ContinuousNoise.EDM, Parameterization.EDM), Dtype.F32);
    }
    DataException scaled =
        assertThrows(DataException.class, () -> train("scaled", settings(1e-3, 0), edm));
    assertTrue(scaled.getMessage().contains("is one of EDM's networks"), scaled.getMessage());
    Path student = folder.resolve("student.safetensors");
    try (Network<UNetConfig, ModelCard> network = TinyNetworks.guided(device, SIDE, 4, 2)) {
      network.save(student, network.card(), Dtype.F32);
    }
    DataException distilled =
        assertThrows(DataException.class, () -> train("distilled", settings(1e-3, 0), student));
    assertTrue(distilled.getMessage().contains("was distilled"), distilled.getMessage());
  }
}
