package org.halfstep.device.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.halfstep.device.Convolution;
import org.halfstep.device.ConvolutionShape;
import org.halfstep.device.DataType;
import org.halfstep.device.Launch;
import org.junit.jupiter.api.Test;

/**
 * oneDNN reports what it executes; memory is to be converted by pack and unpack only, never by the
 * passes between them.
 */
class OneDnnReorderTest {
  private static final int PASSES = 4;
  private static final ConvolutionShape[] SHAPES = {
    ConvolutionShape.of(2, 14, 14, 32, 64, 3, 1, 1),
    ConvolutionShape.of(2, 28, 28, 1, 32, 3, 1, 1),
    ConvolutionShape.of(2, 28, 28, 32, 3, 3, 1, 1),
    ConvolutionShape.of(2, 7, 7, 64, 96, 1, 1, 0),
    ConvolutionShape.of(2, 14, 14, 32, 32, 3, 2, 1),
    ConvolutionShape.linear(32, 128, 100),
    new ConvolutionShape(2, 7, 7, 33, 32, 3, 1, 1, 64, 31),
  };

  @Test
  void onlyPackAndUnpackReorder() throws Exception {
    ProcessBuilder builder =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "--enable-native-access=ALL-UNNAMED",
            "-cp",
            System.getProperty("java.class.path"),
            OneDnnReorderTest.class.getName());
    builder.environment().put("ONEDNN_VERBOSE", "profile_exec");
    Process child = builder.redirectErrorStream(true).start();
    String output = new String(child.getInputStream().readAllBytes());
    assertTrue(child.waitFor(60, TimeUnit.SECONDS));
    assertEquals(0, child.exitValue(), output);

    List<String> executed = new ArrayList<>();
    for (String line : output.lines().toList()) {
      if (line.startsWith("onednn_verbose") && line.contains(",exec,cpu,")) {
        executed.add(line.split(",exec,cpu,")[1].split(",")[0]);
      }
    }
    List<String> expected = new ArrayList<>();
    for (int i = 0; i < SHAPES.length * OneDnnConvolutionTest.FLOATING.size(); i++) {
      expected.addAll(List.of("reorder", "reorder"));
      // Forward without and with each kind of residual, backward data, backward weights.
      expected.addAll(Collections.nCopies(5 * PASSES, "convolution"));
      expected.add("reorder");
    }
    assertEquals(expected, executed, output);
  }

  /** Trains a few convolutions; the process in which the profile is taken. */
  public static void main(String[] arguments) {
    try (OneDnnEngine engine = new OneDnnEngine()) {
      for (DataType type : OneDnnConvolutionTest.FLOATING) {
        for (ConvolutionShape shape : SHAPES) {
          try (Arena arena = Arena.ofConfined();
              Convolution convolution = OneDnnConvolution.create(engine, shape, type, true)) {
            train(arena, convolution);
          }
        }
      }
    }
  }

  private static void train(Arena arena, Convolution convolution) {
    // Every tensor here is far smaller than one of these.
    long[] memory = new long[9];
    for (int i = 0; i < memory.length; i++) {
      memory[i] = arena.allocate(1 << 20, 64).address();
    }
    long x = memory[0];
    long weight = memory[1];
    long bias = memory[2];
    long y = memory[3];
    long old = memory[4];
    long scratch = memory[5];
    long packedForward = memory[6];
    long packedBackward = memory[7];
    long gradient = memory[8];
    convolution.packForward(weight, packedForward).run();
    convolution.packBackward(weight, packedBackward).run();
    List<Launch> passes =
        List.of(
            convolution.forward(x, packedForward, bias, 0, y, scratch),
            convolution.forward(x, packedForward, bias, old, y, scratch),
            convolution.forward(x, packedForward, bias, y, y, scratch),
            convolution.backwardData(y, packedBackward, x, scratch),
            convolution.backwardWeights(x, y, gradient, bias, scratch));
    for (int i = 0; i < PASSES; i++) {
      passes.forEach(Launch::run);
    }
    convolution.unpackGradient(gradient, weight).run();
  }
}
