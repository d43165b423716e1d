package org.halfstep.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.diffusion.Betas;
import org.halfstep.diffusion.ContinuousNoise;
import org.halfstep.diffusion.Parameterization;
import org.halfstep.files.DataException;
import org.halfstep.graph.Parameter;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.UNetConfig;
import org.halfstep.safetensors.Dtype;
import org.halfstep.safetensors.SafetensorsWriter;
import org.halfstep.safetensors.WritableTensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Files of guided-diffusion and of the consistency models' release: whose they are, what is read.
 */
class AdmFileTest {
  private static final String FLAGS = AdmTensors.FLAGS;

  @TempDir Path folder;

  private static List<WritableTensor> tensors(HashedTensors from, Dtype type) {
    List<WritableTensor> tensors = new ArrayList<>();
    from.names().forEach(name -> tensors.add(from.writable(name, type)));
    return tensors;
  }

  private Path torch(String name, Map<String, long[]> shapes, Dtype type) throws IOException {
    return AdmTensors.torch(folder.resolve(name), shapes, type);
  }

  private Path flags(String text) throws IOException {
    return Files.writeString(folder.resolve("flags.json"), text);
  }

  private static float[] values(Network<?, ?> network, Parameter parameter) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment copy = arena.allocate(Float.BYTES * parameter.size(), Float.BYTES);
      network.values().copy(parameter, copy);
      return copy.toArray(ValueLayout.JAVA_FLOAT);
    }
  }

  /** Shapes without what the engine leaves out, and without extents of 1 at their ends. */
  private static Map<String, String> known(Map<String, long[]> shapes) {
    Map<String, String> known = new TreeMap<>();
    shapes.forEach(
        (name, shape) -> {
          long[] extents = shape.clone();
          if (name.startsWith("out.2.")) {
            extents[0] = 3;
          }
          known.put(name, Arrays.toString(extents).replaceAll("(, 1)+]", "]"));
        });
    return known;
  }

  private static Map<String, String> known(UNetConfig config) {
    Map<String, String> known = new TreeMap<>();
    for (Parameter parameter : config.graph().parameters().values()) {
      known.put(parameter.name(), parameter.shape().toString().replaceAll("(, 1)+]", "]"));
    }
    return known;
  }

  @Test
  void thePublishedNetworksHaveTheirTensors() {
    Map<PublishedAdm, Map<String, long[]>> files =
        Map.of(
            PublishedAdm.IMAGENET_64,
            AdmTensors.of(
                64, 192, new double[] {1, 2, 3, 4}, 3, List.of(32, 16, 8), 1000, 6, true, 3),
            PublishedAdm.IMAGENET_128,
            AdmTensors.of(
                128, 256, new double[] {1, 1, 2, 3, 4}, 2, List.of(32, 16, 8), 1000, 6, true, 3),
            PublishedAdm.IMAGENET_256,
            AdmTensors.of(
                256, 256, new double[] {1, 1, 2, 2, 4, 4}, 2, List.of(32, 16, 8), 1000, 6, true, 3),
            PublishedAdm.IMAGENET_512,
            AdmTensors.of(
                512,
                256,
                new double[] {0.5, 1, 1, 2, 2, 4, 4},
                2,
                List.of(32, 16, 8),
                1000,
                6,
                true,
                3),
            PublishedAdm.EDM_IMAGENET_64,
            AdmTensors.of(
                64, 192, new double[] {1, 2, 3, 4}, 3, List.of(32, 16, 8), 1000, 3, true, 4),
            PublishedAdm.EDM_LSUN_256,
            AdmTensors.of(
                256, 256, new double[] {1, 1, 2, 2, 4, 4}, 2, List.of(32, 16, 8), 0, 3, false, 4));
    assertEquals(PublishedAdm.values().length, files.size());
    files.forEach(
        (one, shapes) -> {
          int classes = one == PublishedAdm.EDM_LSUN_256 ? 0 : 1000;
          assertEquals(known(shapes), known(one.flags().network(classes)), one.name());
        });
    long parameters =
        files.get(PublishedAdm.IMAGENET_64).values().stream()
            .mapToLong(ParameterShapes::elements)
            .sum();
    assertEquals(296, Math.round(parameters / 1e6), "the paper's 296 M");
  }

  @Test
  void theHalfForTheVarianceIsLeftOutAndAllElseIsRead() throws IOException {
    Path file = torch("model.pt", AdmTensors.tiny(6, 3), Dtype.F32);
    assertTrue(AdmFile.matches(file));
    try (Device device = new CpuDevice(1);
        HashedTensors expected = new HashedTensors(AdmTensors.tiny(6, 3));
        Network<UNetConfig, ModelCard> network =
            AdmFile.open(device, file, flags(FLAGS), Network.DEFAULT_MEMORY)) {
      for (Parameter parameter : network.graph().parameters().values()) {
        float[] whole = expected.find(parameter.name()).orElseThrow().floats();
        assertArrayEquals(Arrays.copyOf(whole, (int) parameter.size()), values(network, parameter));
      }
      ModelCard card = network.card();
      assertEquals(Parameterization.EPS, card.predicts());
      assertEquals(Betas.COSINE, card.betas());
      UNetConfig config = network.architecture();
      assertTrue(config.newAttentionOrder() && config.residualResampling());
      assertFalse(config.nullLabel());
      assertEquals(List.of(5, 3), List.of(config.numClasses(), config.outChannels()));
    }
  }

  @Test
  void averagesInHalfPrecisionAreRead() throws IOException {
    Path file = torch("ema_0.9999_100000.pt", AdmTensors.tiny(6, 3), Dtype.F16);
    try (Device device = new CpuDevice(1);
        HashedTensors exact = new HashedTensors(AdmTensors.tiny(6, 3));
        Network<UNetConfig, ModelCard> network =
            AdmFile.open(device, file, flags(FLAGS), Network.DEFAULT_MEMORY)) {
      Parameter first = network.graph().parameters().get("input_blocks.0.0.weight");
      float[] wanted = exact.find(first.name()).orElseThrow().floats();
      for (int i = 0; i < wanted.length; i++) {
        wanted[i] = Float.float16ToFloat(Float.floatToFloat16(wanted[i]));
      }
      assertArrayEquals(wanted, values(network, first));
    }
  }

  @Test
  void edmsNetworksAreReadAsWhatTheyAre() throws IOException {
    Path file = folder.resolve("edm.safetensors");
    try (HashedTensors hashed = new HashedTensors(AdmTensors.tiny(3, 4))) {
      SafetensorsWriter.write(file, tensors(hashed, Dtype.F32), Map.of());
    }
    Path flags =
        flags(
            FLAGS
                .replace("\"learn_sigma\": true", "\"sigma_min\": 0.002, \"sigma_max\": 80")
                .replace("\"noise_schedule\": \"cosine\"", "\"weight_schedule\": \"karras\""));
    try (Device device = new CpuDevice(1);
        Network<UNetConfig, ModelCard> network =
            AdmFile.open(device, file, flags, Network.DEFAULT_MEMORY)) {
      assertEquals(Parameterization.EDM, network.card().predicts());
      assertEquals(ContinuousNoise.EDM, network.card().noise());
      assertEquals(0.5, network.card().imageScale());
      ModelCard again = ModelCard.fromJson(network.card().toJson());
      assertEquals(network.card(), again);
    }
  }

  private String refused(Path file, Path flags) {
    try (Device device = new CpuDevice(1)) {
      String line =
          assertThrows(
                  DataException.class,
                  () -> AdmFile.open(device, file, flags, Network.DEFAULT_MEMORY).close())
              .getMessage();
      assertFalse(line.contains("\n"), line);
      return line;
    }
  }

  @Test
  void whatIsNotKnownIsRefusedInALine() throws IOException {
    Path file = torch("model.pt", AdmTensors.tiny(6, 3), Dtype.F32);
    String none = refused(file, null);
    assertTrue(none.contains("is none of the published networks (64x64_diffusion.pt"), none);
    String wide =
        refused(file, flags(FLAGS.replace("\"num_channels\": 32", "\"num_channels\": 64")));
    assertTrue(wide.contains("has shape"), wide);
    String plain = refused(file, flags(FLAGS.replace("\"learn_sigma\": true", "\"dropout\": 0.1")));
    assertTrue(plain.contains("out.2.weight has shape [6, 32, 3, 3], expected [3"), plain);
    String wrong = refused(file, flags(FLAGS.replace("cosine", "sigmoid")));
    assertTrue(wrong.contains("noise_schedule must be cosine or linear, got sigmoid"), wrong);
    String consistency = refused(torch("cd_tiny.pt", AdmTensors.tiny(3, 4), Dtype.F32), null);
    assertTrue(consistency.contains("is a consistency model by its name"), consistency);
    assertFalse(AdmFile.matches(flags(FLAGS)));
    assertFalse(AdmFile.matches(folder));
  }
}
