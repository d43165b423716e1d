package org.halfstep.latent;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import org.halfstep.checkpoint.HashedTensors;
import org.halfstep.checkpoint.TextDescription;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.DeviceArrays;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.graph.GradientCheck;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.model.ComponentCard;
import org.halfstep.model.Network;
import org.halfstep.safetensors.Dtype;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** CLIP's text encoder with hashed weights, whose outputs are known. */
class ClipTextTest {
  private static final ComponentCard CARD = new ComponentCard("text encoder", Map.of());
  private static final int TOKENS = 77;
  private static final int WIDTH = 64;

  /** What float32 may change of a sum of 4928 numbers whose absolute values sum to 4082. */
  private static final double SUM_TOLERANCE = 4e-3;

  private static final double TOLERANCE = 1e-5;

  @TempDir private Path folder;

  private static TextDescription text(boolean isQuick) {
    return new TextDescription(1000, TOKENS, WIDTH, 256, 3, 4, isQuick);
  }

  private static int[] prompt() {
    int[] ids = new int[TOKENS];
    Arrays.fill(ids, 999);
    System.arraycopy(new int[] {998, 320, 525, 539, 320, 768}, 0, ids, 0, 6);
    return ids;
  }

  private static float[] states(ClipTextConfig config, DataType type, int... ids)
      throws IOException {
    HashedTensors tensors = new HashedTensors(config.network());
    try (Device device = new CpuDevice();
        Network<ClipTextConfig, ComponentCard> network =
            Network.open(device, config, CARD, tensors, config.names(), Network.DEFAULT_MEMORY)) {
      return states(network, type, ids);
    }
  }

  private static float[] states(
      Network<ClipTextConfig, ComponentCard> network, DataType type, int... ids) {
    Device device = network.device();
    PlanOptions one = PlanOptions.inference(1).withType(type);
    try (Plan plan = Plan.inference(device, network.graph(), one, network.values())) {
      ClipTextPorts ports = network.architecture().ports(plan.graph());
      device.upload(MemorySegment.ofArray(ids), plan.address(ports.ids()), 4L * ids.length);
      plan.prepare();
      plan.forward();
      return DeviceArrays.read(device, plan.address(ports.out()), (int) plan.count(ports.out()));
    }
  }

  private static void check(float[] got, double sum, double absolute, double... first) {
    double total = 0;
    double norm = 0;
    for (float value : got) {
      total += value;
      norm += Math.abs(value);
    }
    assertEquals(sum, total, SUM_TOLERANCE);
    assertEquals(absolute, norm, SUM_TOLERANCE);
    for (int i = 0; i < first.length; i++) {
      assertEquals(first[i], got[i], TOLERANCE);
    }
  }

  @Test
  void statesAreTheKnownOnes() throws IOException {
    float[] quick = states(ClipTextConfig.context(text(true)), DataType.F32, prompt());
    check(quick, 61.384631, 4082.308481, .350195, .717020, .558177, 2.299551);
    assertEquals(-.358466, quick[quick.length - 2], TOLERANCE);
    assertEquals(-1.010813, quick[quick.length - 1], TOLERANCE);
    float[] exact = states(ClipTextConfig.context(text(false)), DataType.F32, prompt());
    check(exact, 61.264723, 4080.062283);
    float[] penultimate = states(new ClipTextConfig(text(false), 1, 0), DataType.F32, prompt());
    check(penultimate, 43.700227, 4033.534520, .357075, 1.432762, 1.145543, 1.255579);
  }

  @Test
  void parametersAreThoseOfTheDescription() {
    TextDescription text = text(true);
    assertEquals(219_008, ClipTextConfig.context(text).graph().parameterCount());
    assertEquals(
        text.shapes().keySet(), ClipTextConfig.context(text).graph().parameters().keySet());
    assertEquals(text.shapes().size(), ClipTextConfig.context(text).leastTensors());
  }

  @Test
  void aTokenSeesItselfAndThoseBeforeIt() throws IOException {
    int[] ids = prompt();
    float[] before = states(ClipTextConfig.context(text(true)), DataType.F32, ids);
    ids[4] = 17;
    float[] after = states(ClipTextConfig.context(text(true)), DataType.F32, ids);
    int changed = 4 * WIDTH;
    assertArrayEquals(Arrays.copyOf(before, changed), Arrays.copyOf(after, changed));
    for (int token = 4; token < TOKENS; token++) {
      assertNotEquals(before[token * WIDTH], after[token * WIDTH], "token " + token);
    }
  }

  /** What the reference data has no gradients of: the end token's vector and its projection. */
  @Test
  void gradientsOfTheProjectedVectorAreThoseOfDifferences() {
    TextDescription small = new TextDescription(9, 6, 12, 20, 2, 3, false);
    GradientCheck.of(new ClipTextConfig(small, 0, 7).graph(), 2, 2);
  }

  @Test
  void bfloat16IsClose() throws IOException {
    float[] exact = states(ClipTextConfig.context(text(true)), DataType.F32, prompt());
    float[] narrow = states(ClipTextConfig.context(text(true)), DataType.BF16, prompt());
    double error = 0;
    double norm = 0;
    for (int i = 0; i < exact.length; i++) {
      error += Math.pow(exact[i] - narrow[i], 2);
      norm += Math.pow(exact[i], 2);
    }
    assertTrue(error > 0, "bfloat16 was not used");
    assertTrue(Math.sqrt(error / norm) < 0.02, "relative error " + Math.sqrt(error / norm));
  }

  @Test
  void aFileOfOursHoldsIt() throws IOException {
    ClipTextConfig config = new ClipTextConfig(text(false), 1, 20);
    assertEquals(config, ClipTextConfig.fromJson(config.toJson()));
    ClipTextConfig context = new ClipTextConfig(text(false), 1, 0);
    Path file = folder.resolve("text.safetensors");
    try (Device device = new CpuDevice()) {
      float[] expected;
      try (Network<ClipTextConfig, ComponentCard> fresh = Network.fresh(device, context, CARD, 5)) {
        expected = states(fresh, DataType.F32, prompt());
        fresh.save(file, CARD, Dtype.F32);
      }
      try (Network<ClipTextConfig, ComponentCard> opened =
          Network.open(device, ClipTextConfig.FORMAT, file)) {
        assertEquals(context, opened.architecture());
        assertArrayEquals(expected, states(opened, DataType.F32, prompt()), 1e-5f);
      }
    }
  }

  @Test
  void whatCannotBeIsRefused() {
    String line =
        assertThrows(IllegalArgumentException.class, () -> new ClipTextConfig(text(true), 3, 0))
            .getMessage();
    assertEquals("text encoder: of 3 layers 0 to 2 can be skipped, got 3", line);
    assertThrows(IllegalArgumentException.class, () -> new ClipTextConfig(text(true), 0, -1));
    assertThrows(IllegalArgumentException.class, () -> ClipTextConfig.fromJson("{}"));
  }
}
