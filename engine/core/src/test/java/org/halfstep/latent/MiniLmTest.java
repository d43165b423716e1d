package org.halfstep.latent;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.halfstep.checkpoint.BertCheckpoint;
import org.halfstep.checkpoint.BertDescription;
import org.halfstep.device.Device;
import org.halfstep.device.DeviceArrays;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.files.FileDigest;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.model.ComponentCard;
import org.halfstep.model.Network;
import org.halfstep.onnx.OnnxFile;
import org.halfstep.text.TokenSequence;
import org.halfstep.text.WordPieceTokenizer;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The encoder of sentences with trained weights, against ONNX Runtime on the graph they come in.
 */
class MiniLmTest {
  private static final String SHA256 =
      "759c3cd2b7fe7e93933ad23c4c9181b7396442a2ed746ec7c1d46192c469c46e";

  private static final BertDescription MINI_LM = BertDescription.MINI_LM;
  private static final int WIDTH = MINI_LM.width();
  private static final int TOKENS = 24;
  private static final double TOLERANCE = 1e-4;

  private static final List<String> TEXTS =
      List.of(
          "A photograph of an astronaut riding a horse",
          "An astronaut on horseback, photographed",
          "stock prices fell sharply after the announcement of higher interest rates",
          "");

  @TempDir private static Path shared;
  private static Path model;
  private static WordPieceTokenizer tokenizer;

  @BeforeAll
  static void unpack() throws IOException {
    model = unpack("all-minilm-l6-v2.onnx", "model.onnx");
    unpack("all-minilm-l6-v2-tokenizer.json", "tokenizer.json");
    tokenizer = WordPieceTokenizer.open(shared);
    assertEquals(SHA256, FileDigest.sha256(model));
  }

  private static Path unpack(String resource, String name) throws IOException {
    Path file = shared.resolve(name);
    try (InputStream in = MiniLmTest.class.getResourceAsStream("/" + resource)) {
      Files.copy(in, file);
    }
    return file;
  }

  /** What the network makes of some texts, with the weights of the file. */
  private static final class Run implements AutoCloseable {
    private final Device device = new CpuDevice();
    private final Network<BertConfig, ComponentCard> network;

    Run() throws IOException {
      network =
          Network.open(
              device,
              new BertConfig(MINI_LM, TOKENS, false),
              new ComponentCard("MiniLM", Map.of()),
              OnnxFile.open(model),
              BertConfig.NAMES,
              Network.DEFAULT_MEMORY);
    }

    /** Of this length, with the weights of another. */
    float[] outputs(int tokens, boolean pooled, List<String> texts) {
      BertConfig config = new BertConfig(MINI_LM, tokens, pooled);
      int batch = texts.size();
      try (Plan plan =
          Plan.inference(device, config.graph(), PlanOptions.inference(batch), network.values())) {
        BertPorts ports = config.ports(plan.graph());
        int[] ids = new int[batch * tokens];
        int[] places = new int[batch * tokens];
        int[] lengths = new int[batch];
        for (int i = 0; i < batch; i++) {
          TokenSequence sequence = tokenizer.sequence(texts.get(i), tokens);
          System.arraycopy(sequence.ids(), 0, ids, i * tokens, tokens);
          lengths[i] = sequence.used();
          for (int j = 0; j < tokens; j++) {
            places[i * tokens + j] = j;
          }
        }
        write(plan.address(ports.ids()), ids);
        write(plan.address(ports.places()), places);
        write(plan.address(ports.types()), new int[batch * tokens]);
        write(plan.address(ports.lengths()), lengths);
        plan.prepare();
        plan.forward();
        return DeviceArrays.read(device, plan.address(ports.out()), (int) plan.count(ports.out()));
      }
    }

    private void write(long address, int... values) {
      device.upload(MemorySegment.ofArray(values), address, 4L * values.length);
    }

    @Override
    public void close() {
      network.close();
      device.close();
    }
  }

  private static float[] theirs() throws OrtException {
    long[][] ids = new long[TEXTS.size()][];
    long[][] mask = new long[TEXTS.size()][TOKENS];
    for (int i = 0; i < ids.length; i++) {
      TokenSequence sequence = tokenizer.sequence(TEXTS.get(i), TOKENS);
      ids[i] = Arrays.stream(sequence.ids()).asLongStream().toArray();
      Arrays.fill(mask[i], 0, sequence.used(), 1);
    }
    OrtEnvironment environment = OrtEnvironment.getEnvironment();
    try (OrtSession session = environment.createSession(model.toString());
        OnnxTensor first = OnnxTensor.createTensor(environment, ids);
        OnnxTensor second = OnnxTensor.createTensor(environment, mask);
        OnnxTensor third = OnnxTensor.createTensor(environment, new long[ids.length][TOKENS]);
        OrtSession.Result result =
            session.run(
                Map.of("input_ids", first, "attention_mask", second, "token_type_ids", third))) {
      List<Float> all = new ArrayList<>();
      for (float[][] text : (float[][][]) result.get(0).getValue()) {
        for (float[] token : text) {
          for (float value : token) {
            all.add(value);
          }
        }
      }
      float[] values = new float[all.size()];
      for (int i = 0; i < values.length; i++) {
        values[i] = all.get(i);
      }
      return values;
    }
  }

  @Test
  void statesAreThoseOfOnnxRuntime() throws IOException, OrtException {
    float[] expected = theirs();
    try (Run run = new Run()) {
      assertEquals(22_565_376, run.network.graph().parameterCount());
      assertEquals(101, run.network.graph().parameters().size());
      float[] got = run.outputs(TOKENS, false, TEXTS);
      double error = 0;
      double norm = 0;
      for (int i = 0; i < expected.length; i++) {
        // Numbers of a few dimensions are large, and both round there.
        assertEquals(expected[i], got[i], TOLERANCE * Math.max(1, Math.abs(expected[i])));
        error += Math.pow(got[i] - expected[i], 2);
        norm += Math.pow(expected[i], 2);
      }
      assertTrue(Math.sqrt(error / norm) < 1e-5, "relative error " + Math.sqrt(error / norm));
      // Another length of padding, and no other text beside it.
      float[] alone = run.outputs(13, false, TEXTS.subList(1, 2));
      int used = tokenizer.sequence(TEXTS.get(1), TOKENS).used();
      int from = TOKENS * WIDTH;
      assertArrayEquals(
          Arrays.copyOfRange(got, from, from + used * WIDTH),
          Arrays.copyOf(alone, used * WIDTH),
          1e-5f);
    }
  }

  /** The published files as a model's text encoder: its states, and zeros for the padding. */
  @Test
  void asATextEncoderItSaysNothingOfPadding() throws IOException, OrtException {
    float[] expected = theirs();
    int each = TOKENS * WIDTH;
    try (Device device = new CpuDevice();
        BertCheckpoint files = BertCheckpoint.open(shared);
        TextEncoder encoder =
            TextEncoder.open(
                device, files.component(TOKENS), files.tokenizer(), TextEncoderOptions.standard());
        Arena arena = Arena.ofConfined()) {
      MemorySegment contexts = arena.allocate(TEXTS.size() * encoder.contextBytes(), Float.BYTES);
      encoder.encode(TEXTS, contexts);
      float[] got = contexts.toArray(ValueLayout.JAVA_FLOAT);
      for (int i = 0; i < TEXTS.size(); i++) {
        int used = tokenizer.sequence(TEXTS.get(i), TOKENS).used() * WIDTH;
        for (int j = i * each; j < i * each + used; j++) {
          assertEquals(expected[j], got[j], TOLERANCE * Math.max(1, Math.abs(expected[j])));
        }
        assertArrayEquals(
            new float[each - used], Arrays.copyOfRange(got, i * each + used, (i + 1) * each));
      }
    }
  }

  @Test
  void theMeanIsThatOfTheTokensBeforeThePadding() throws IOException {
    try (Run run = new Run()) {
      float[] states = run.outputs(TOKENS, false, TEXTS);
      float[] means = run.outputs(TOKENS, true, TEXTS);
      double[][] rows = new double[TEXTS.size()][WIDTH];
      for (int i = 0; i < rows.length; i++) {
        int used = tokenizer.sequence(TEXTS.get(i), TOKENS).used();
        for (int c = 0; c < WIDTH; c++) {
          for (int token = 0; token < used; token++) {
            rows[i][c] += states[(i * TOKENS + token) * WIDTH + c] / (double) used;
          }
          assertEquals(rows[i][c], means[i * WIDTH + c], 1e-5);
        }
      }
      // Sentences of like meaning lie close to each other.
      assertTrue(cosine(rows[0], rows[1]) > 0.7, "alike: " + cosine(rows[0], rows[1]));
      assertTrue(cosine(rows[0], rows[2]) < 0.2, "unlike: " + cosine(rows[0], rows[2]));
    }
  }

  private static double cosine(double[] a, double... b) {
    double product = 0;
    double first = 0;
    double second = 0;
    for (int i = 0; i < a.length; i++) {
      product += a[i] * b[i];
      first += a[i] * a[i];
      second += b[i] * b[i];
    }
    return product / Math.sqrt(first * second);
  }
}
