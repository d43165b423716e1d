package org.halfstep.sample;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.diffusion.Betas;
import org.halfstep.diffusion.ContinuousNoise;
import org.halfstep.diffusion.NoiseSchedule;
import org.halfstep.diffusion.Parameterization;
import org.halfstep.diffusion.TimeGrid;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.TinyNetworks;
import org.halfstep.model.UNetConfig;
import org.halfstep.safetensors.Dtype;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Pixel networks that predict something else than v, as published ones do. */
class AdmSamplingTest {
  private static final int SIDE = 8;
  private static final int VALUES = SIDE * SIDE;

  @TempDir Path folder;

  /** A network whose output is zero, since its last layer is. */
  private Path silent(Device device, String name, ModelCard card) throws IOException {
    Path file = folder.resolve(name + ".safetensors");
    UNetConfig config = TinyNetworks.config(SIDE, 0);
    try (Network<UNetConfig, ModelCard> network = Network.fresh(device, config, card, 3)) {
      network.save(file, card, Dtype.F32);
    }
    return file;
  }

  private static float[] sample(Device device, Path file, int steps) throws IOException {
    try (DiffusionModel model =
        DiffusionModel.open(file, ModelOptions.standard().withDevice(device))) {
      float[] image = new float[2 * VALUES];
      SampleRequest request = model.request(0, 1).withGuidance(0).withSteps(steps).withSeed(5);
      model.sample(request, MemorySegment.ofArray(image));
      return image;
    }
  }

  @Test
  void edmsImagesAreScaledBackFromUnitDeviation() throws IOException {
    try (Device device = new CpuDevice(1)) {
      ModelCard plain = TinyNetworks.teacherCard();
      float[] known = sample(device, silent(device, "v", plain), 1);
      ModelCard edm = plain.withNoise(ContinuousNoise.EDM, Parameterization.EDM);
      float[] found = sample(device, silent(device, "edm", edm), 1);
      // x = alpha z - sigma v, and v is 0.
      double factor =
          0.5
              * new NoiseSchedule.Karras(0.002, 80, 0.5).alpha(1)
              / new NoiseSchedule.TruncatedCosine(20).alpha(1);
      for (int i = 0; i < known.length; i++) {
        assertEquals(factor * known[i], found[i], 1e-5 * Math.abs(found[i]));
      }
    }
  }

  @Test
  void noiseOfACosineThatEndsInNoiseIsClipped() throws IOException {
    try (Device device = new CpuDevice(1)) {
      ModelCard eps =
          TinyNetworks.teacherCard()
              .withDiffusion(Betas.COSINE, Parameterization.EPS, TimeGrid.UNIFORM);
      Path file = silent(device, "eps", eps);
      try (DiffusionModel model =
          DiffusionModel.open(file, ModelOptions.standard().withDevice(device))) {
        assertTrue(model.request(0).clip());
      }
      // Unclipped, z / alpha(1) is about 20,000.
      for (float value : sample(device, file, 4)) {
        assertTrue(Math.abs(value) <= 1.0001, () -> "found " + value);
      }
      ModelCard v = TinyNetworks.teacherCard();
      try (DiffusionModel model =
          DiffusionModel.open(silent(device, "v", v), ModelOptions.standard().withDevice(device))) {
        assertFalse(model.request(0).clip());
      }
    }
  }

  @Test
  void clippingOfScaledImagesIsRefused() throws IOException {
    try (Device device = new CpuDevice(1)) {
      ModelCard edm =
          TinyNetworks.teacherCard().withNoise(ContinuousNoise.EDM, Parameterization.EDM);
      try (DiffusionModel model =
          DiffusionModel.open(
              silent(device, "edm", edm), ModelOptions.standard().withDevice(device))) {
        SampleRequest request = model.request(0).withClip(true);
        IllegalArgumentException refused =
            assertThrows(IllegalArgumentException.class, () -> model.requireSupported(request));
        assertTrue(refused.getMessage().contains("divided by 0.5"), refused.getMessage());
      }
    }
  }
}
