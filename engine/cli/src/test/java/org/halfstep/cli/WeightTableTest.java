package org.halfstep.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.UNetConfig;
import org.halfstep.safetensors.Dtype;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code --memory}, and the table that says what it does. */
class WeightTableTest {
  /** Wide enough for Winograd's convolutions. */
  private static final UNetConfig CONFIG =
      new UNetConfig(
          16,
          1,
          64,
          1,
          1,
          List.of(),
          List.of(1.0, 2.0),
          null,
          false,
          null,
          null,
          true,
          false,
          true,
          false,
          0,
          null);

  private static final String LAYER = "middle_block.0.in_layers.2 ";

  @TempDir private static Path folder;
  private static Path model;

  @BeforeAll
  static void write() throws IOException {
    model = folder.resolve("model.safetensors");
    try (Device device = new CpuDevice(1);
        Network<UNetConfig, ModelCard> network =
            Network.fresh(device, CONFIG, ModelCard.teacher("none", List.of(), Map.of()), 1)) {
      network.save(model, network.card(), Dtype.BF16);
    }
  }

  private static String run(int code, String... arguments) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    assertEquals(
        code, Halfstep.run(new PrintWriter(out), new PrintWriter(err), arguments), err.toString());
    return code == 0 ? out.toString() : err.toString();
  }

  private static String info(String... more) {
    List<String> arguments =
        new ArrayList<>(List.of("info", "--device", "cpu", "--model", model.toString()));
    arguments.addAll(List.of(more));
    return run(0, arguments.toArray(String[]::new));
  }

  private static String row(String out) {
    return out.lines().filter(line -> line.startsWith(LAYER)).findFirst().orElseThrow();
  }

  @Test
  void saysWhatEachConvolutionTakesAndWhy() {
    String out = info();
    assertTrue(row(out).matches(LAYER + " *F\\(\\dx\\d\\) .* the fastest"), row(out));
    assertTrue(out.contains("384 MiB are allowed (--memory)"), out);
    assertTrue(out.matches("(?s).*\nweights +[0-9.]+ MiB in bf16\n.*"), out);
    assertFalse(out.contains("memory: "), out);
  }

  @Test
  void lessMemoryKeepsTapsAndSaysWhatItGivesUp() {
    String out = info("--memory", "1M");
    assertTrue(
        row(out)
            .matches(
                LAYER
                    + " *F\\(\\dx\\d\\) of bf16 taps .* memory: F\\(\\dx\\d\\) takes .* MiB, .* ms"),
        row(out));
    assertTrue(out.contains("1.00 MiB are allowed (--memory)"), out);
    assertTrue(out.contains("these are the smallest forms there are"), out);
  }

  @Test
  void everyCommandThatEvaluatesAModelTakesIt() throws IOException {
    Path grid = folder.resolve("grid.png");
    run(
        0,
        "sample",
        "--device",
        "cpu",
        "--model",
        model.toString(),
        "--memory",
        "1M",
        "--steps",
        "1",
        "--guidance",
        "0",
        "--grid",
        grid.toString());
    assertTrue(Files.size(grid) > 0);
    for (String command :
        new String[] {
          "sample", "info", "bench", "distill", "evaluate", "quantize", "demo", "report"
        }) {
      assertTrue(run(0, command, "--help").contains("--memory=SIZE"), command);
    }
    String refused = run(2, "sample", "--model", model.toString(), "--memory", "all");
    assertEquals(1, refused.lines().count());
    assertTrue(refused.startsWith("halfstep: --memory must be a size above 0"), refused);
  }
}
