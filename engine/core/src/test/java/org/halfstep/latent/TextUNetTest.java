package org.halfstep.latent;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.halfstep.checkpoint.TextDescription;
import org.halfstep.device.Device;
import org.halfstep.device.DeviceArrays;
import org.halfstep.device.Launch;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.diffusion.Betas;
import org.halfstep.diffusion.Parameterization;
import org.halfstep.diffusion.TimeGrid;
import org.halfstep.graph.GradientCheck;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.model.ComponentCard;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.NetworkInputs;
import org.halfstep.random.Philox;
import org.halfstep.text.ClipTokenizer;
import org.halfstep.text.TokenTable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A latent UNet with its text encoder as one network. */
class TextUNetTest {
  private static final List<String> CAPTIONS = List.of("a red cat", "the cat is red", "a blue sea");
  private static final int TOKENS = 6;
  private static final ClipTokenizer TOKENIZER = ClipTokenizer.trained(CAPTIONS, 20);
  private static final TokenTable TABLE = TokenTable.of(TOKENIZER, CAPTIONS, TOKENS);
  private static final ModelCard CARD =
      ModelCard.teacher("sentences", List.of(), Map.of())
          .withDiffusion(
              Betas.STABLE_DIFFUSION.withZeroTerminal(), Parameterization.V, TimeGrid.UNIFORM);

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

  private static TextUNetConfig config(int vocabulary, int tokens, int height, int width) {
    TextDescription text = new TextDescription(vocabulary, tokens, 12, 20, 2, 3, true);
    return new TextUNetConfig(
        text, new LatentUNetConfig(TinyUNets.smallest(8, 0), height, width, tokens));
  }

  @Test
  void gradientsReachBothNetworks() {
    GradientCheck.of(config(5, 3, 5, 7).graph(), 2, 1);
  }

  @Test
  void theParametersAreThoseOfTheTwo() {
    TextUNetConfig config = config(5, 3, 8, 8);
    Set<String> names = new HashSet<>(config.text().shapes().keySet());
    names.addAll(config.unet().network().shapes().keySet());
    assertEquals(names, config.graph().parameters().keySet());
  }

  /** One network of both computes what the two do one after the other. */
  @Test
  void computesWhatTheTwoComputeInARow() {
    TextUNetConfig config = config(TOKENIZER.size(), TOKENS, 8, 8);
    int rows = 3;
    try (Network<TextUNetConfig, ModelCard> both = Network.fresh(device, config, CARD, 5);
        Network<LatentUNetConfig, ModelCard> unet =
            Network.like(device, config.unet(), CARD, both);
        Network<ClipTextConfig, ComponentCard> text =
            Network.like(
                device,
                ClipTextConfig.context(config.text()),
                new ComponentCard("text", Map.of()),
                both);
        Plan whole = plan(both, rows);
        Plan part = plan(unet, rows);
        NetworkInputs told = new TokenInputs(both, whole, TABLE);
        NetworkInputs shown = new ContextInputs(unet, part, text, TABLE)) {
      float[] expected = evaluate(whole, told, rows);
      float[] got = evaluate(part, shown, rows);
      double largest = 0;
      double difference = 0;
      for (int i = 0; i < expected.length; i++) {
        largest = Math.max(largest, Math.abs(expected[i]));
        difference = Math.max(difference, Math.abs(expected[i] - got[i]));
      }
      assertTrue(difference <= 1e-6 * largest, difference + " of " + largest);
      float[] other = evaluate(whole, told, 0);
      assertTrue(!Arrays.equals(expected, other), "the texts have an effect");
    }
  }

  private Plan plan(Network<?, ?> network, int rows) {
    Plan plan =
        Plan.inference(device, network.graph(), PlanOptions.inference(rows), network.values());
    plan.prepare();
    return plan;
  }

  /** Rows of the first texts; of the empty one where they are none. */
  private float[] evaluate(Plan plan, NetworkInputs inputs, int texts) {
    float[] x = new float[(int) plan.count("x")];
    Philox.normal(3, 0, 0, x);
    DeviceArrays.write(device, plan.address("x"), x);
    for (int row = 0; row < plan.batch(); row++) {
      inputs.set(row, 0.2 + 0.3 * row, texts == 0 ? TABLE.texts() : row % texts, 1.5 * row);
    }
    inputs.push();
    inputs.launches().forEach(Launch::run);
    plan.forward();
    return DeviceArrays.read(device, plan.address("out"), (int) plan.count("out"));
  }

  @Test
  void tokensAreThoseOfTheTokenizer() {
    MemorySegment row = MemorySegment.ofArray(new int[TOKENS + 1]);
    for (int text = 0; text <= CAPTIONS.size(); text++) {
      TABLE.copy(text, row, Integer.BYTES);
      String caption = text == CAPTIONS.size() ? "" : CAPTIONS.get(text);
      assertArrayEquals(
          TOKENIZER.sequence(caption, TOKENS).ids(),
          row.asSlice(Integer.BYTES).toArray(ValueLayout.JAVA_INT));
    }
    for (int wrong : new int[] {-1, CAPTIONS.size() + 1}) {
      assertEquals(
          "the numbers of texts run from 0 to 3, the empty one's, got " + wrong,
          assertThrows(IllegalArgumentException.class, () -> TABLE.copy(wrong, row, 0))
              .getMessage());
    }
    assertEquals(CAPTIONS.size(), TABLE.texts());
  }

  @Test
  void theFileHoldsTheSameNetwork() throws IOException {
    TextUNetConfig config = config(7, 4, 8, 8);
    Path file = folder.resolve("both.safetensors");
    try (Network<TextUNetConfig, ModelCard> network = Network.fresh(device, config, CARD, 5)) {
      network.save(file, network.weights());
      try (Network<TextUNetConfig, ModelCard> loaded =
          Network.load(device, TextUNetConfig.FORMAT, file)) {
        assertEquals(config, loaded.architecture());
        assertEquals(CARD, loaded.card());
        assertArrayEquals(network.weights().toArray(), loaded.weights().toArray());
      }
    }
  }

  @Test
  void refusesPartsThatDoNotFit() {
    TextDescription text = new TextDescription(5, 4, 12, 20, 1, 3, true);
    LatentUNetConfig unet = new LatentUNetConfig(TinyUNets.smallest(0, 0), 8, 8, 5);
    assertEquals(
        "the text encoder has 4 positions, the UNet's context 5 tokens: expected the same",
        assertThrows(IllegalArgumentException.class, () -> new TextUNetConfig(text, unet))
            .getMessage());
    TextDescription wide = new TextDescription(5, 5, 16, 20, 1, 4, true);
    assertEquals(
        "the text encoder's states are 16 wide, the UNet's context 12: expected the same",
        assertThrows(IllegalArgumentException.class, () -> new TextUNetConfig(wide, unet))
            .getMessage());
  }
}
