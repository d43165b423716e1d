package org.halfstep.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.management.BufferPoolMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.graph.Parameter;
import org.halfstep.graph.Weights;
import org.halfstep.latent.LatentUNetConfig;
import org.halfstep.latent.TinyUNets;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.safetensors.Dtype;
import org.halfstep.safetensors.TensorView;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What is in memory on its way to a folder. */
class WeightTensorsTest {
  private static final UNetDescription UNET = TinyUNets.smallest(0, 0);
  private static final ModelCard CARD = ModelCard.teacher("words", List.of(), Map.of());

  @TempDir private Path folder;

  private static Network<LatentUNetConfig, ModelCard> network(Device device) {
    return Network.fresh(device, new LatentUNetConfig(UNET, 4, 4, 5), CARD, 3);
  }

  private static long nativeBytes() {
    return ManagementFactory.getPlatformMXBeans(BufferPoolMXBean.class).stream()
        .filter(pool -> pool.getName().equals("direct"))
        .mapToLong(BufferPoolMXBean::getMemoryUsed)
        .sum();
  }

  @ParameterizedTest
  @EnumSource(names = {"F32", "BF16"})
  void oneTensorIsInMemoryAndTheNumbersAreThoseOfTheMomentOfWriting(Dtype dtype)
      throws IOException {
    try (Device device = new CpuDevice();
        Network<LatentUNetConfig, ModelCard> network = network(device)) {
      long before = nativeBytes();
      Component unet = Component.of(UNET, 4, "weights", network.values(), CARD);
      // Every number is its place among its parameter's, and small enough for bfloat16.
      for (Parameter parameter : network.graph().parameters().values()) {
        float[] values = new float[(int) parameter.size()];
        for (int i = 0; i < values.length; i++) {
          values[i] = (i + parameter.name().length()) % 251;
        }
        network.weights().set(parameter, values);
      }
      try (Checkpoint alone = Checkpoint.assemble(folder, List.of(unet), null, null)) {
        FolderWriter.write(
            alone, folder.resolve("unet"), new WriteOptions(dtype, null, 1 << 15, null));
      }
      long taken = nativeBytes() - before;
      long all = Float.BYTES * network.graph().parameterCount();
      assertTrue(taken < all / 2, taken + " bytes taken to write " + all);
    }
    try (Checkpoint written =
        Checkpoint.open(folder.resolve("unet"), CheckpointOptions.standard())) {
      Component unet = written.component(Part.UNET).orElseThrow();
      for (Map.Entry<String, long[]> expected : UNET.shapes().entrySet()) {
        TensorView tensor = unet.tensors().find(expected.getKey()).orElseThrow();
        assertEquals(dtype, tensor.dtype());
        assertArrayEquals(expected.getValue(), tensor.shape());
        for (int i = 0; i < tensor.elements(); i++) {
          assertEquals((i + expected.getKey().length()) % 251, tensor.floatAt(i), tensor.name());
        }
      }
    }
  }

  @Test
  void aParameterThatIsNotTheNetworksIsRefused() {
    UNetDescription other = TinyUNets.smallest(0, 3);
    try (Device device = new CpuDevice();
        Network<LatentUNetConfig, ModelCard> network = network(device)) {
      Weights weights = network.values();
      String missing =
          assertThrows(IOException.class, () -> Component.of(other, 4, "weights", weights, CARD))
              .getMessage();
      assertTrue(missing.contains("weights: parameter class_table.weight is missing"), missing);
    }
  }
}
