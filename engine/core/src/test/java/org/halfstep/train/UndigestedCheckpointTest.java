package org.halfstep.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.model.TinyNetworks;
import org.halfstep.safetensors.NamedTensor;
import org.halfstep.safetensors.SafetensorsFile;
import org.halfstep.safetensors.SafetensorsWriter;
import org.halfstep.safetensors.TensorView;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Checkpoints without digests, as an older version wrote them: what a part holds is looked at
 * itself.
 */
class UndigestedCheckpointTest {
  private static final String WEIGHTS = "weights.safetensors";
  private static final String OPTIMIZER = "optimizer.safetensors";

  @TempDir Path folder;

  private boolean train(Path run, int updates, Resume resume) throws IOException {
    int[] made = {0};
    try (Device device = new CpuDevice();
        ImageDataset data = TinyNetworks.images(CheckpointsTest.SIDE, 6)) {
      return TeacherRun.run(
          device,
          data,
          "patterns",
          CheckpointsTest.settings(1),
          run,
          resume,
          CheckpointsTest.silent(() -> {}),
          () -> ++made[0] == updates);
    }
  }

  /** What a tensor becomes. */
  private interface Change {
    NamedTensor of(TensorView view);
  }

  private static void rewrite(Path file, Change change) throws IOException {
    try (SafetensorsFile open = SafetensorsFile.open(file)) {
      List<NamedTensor> tensors = new ArrayList<>();
      for (String name : open.names()) {
        tensors.add(change.of(open.tensor(name)));
      }
      SafetensorsWriter.write(file, tensors, open.metadata());
    }
  }

  private static Change values(String tensor, UnaryOperator<float[]> change) {
    return view -> {
      float[] values = view.floats();
      return NamedTensor.f32(
          view.name(), view.shape(), view.name().equals(tensor) ? change.apply(values) : values);
    };
  }

  private static UnaryOperator<float[]> last(float value) {
    return values -> {
      values[values.length - 1] = value;
      return values;
    };
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "weights in half precision: is BF16, expected F32",
        "moving average in half precision: is BF16, expected F32",
        "a weight that is no number: has NaN",
        "a first moment that is infinite: finite numbers of F32",
        "a second moment below zero: expected squares, found less than 0",
        "an update beyond the end: it stands at update 6 of 5"
      })
  void isRefused(String kind) throws IOException {
    Path run = folder.resolve("run");
    assertFalse(train(run, 3, Resume.NEWEST));
    Path newest = run.resolve("checkpoints/checkpoint-00000003");
    Path progress = newest.resolve("progress.json");
    String text = Files.readString(progress);
    Files.writeString(progress, text.replaceAll(",\\s*\"parts\"(?s:.*)", "}"));
    Change half = view -> NamedTensor.bf16(view.name(), view.shape(), view.data());
    switch (kind.substring(0, kind.indexOf(':'))) {
      case "weights in half precision" -> rewrite(newest.resolve(WEIGHTS), half);
      case "moving average in half precision" -> rewrite(newest.resolve("ema.safetensors"), half);
      case "a weight that is no number" ->
          rewrite(newest.resolve(WEIGHTS), values("out.2.bias", last(Float.NaN)));
      case "a first moment that is infinite" ->
          rewrite(newest.resolve(OPTIMIZER), values("m", last(Float.POSITIVE_INFINITY)));
      case "an update beyond the end" ->
          Files.writeString(
              progress, Files.readString(progress).replace("\"update\" : 3", "\"update\" : 6"));
      default -> rewrite(newest.resolve(OPTIMIZER), values("v", last(-1e-9f)));
    }
    IOException refused =
        assertThrows(DamagedCheckpointException.class, () -> train(run, 9, Resume.NEWEST));
    String line = refused.getMessage();
    assertTrue(line.startsWith(newest + ": the checkpoint is damaged ("), line);
    assertTrue(line.contains(kind.substring(kind.indexOf(':') + 2)), line);
    assertEquals(1, line.lines().count(), line);
    assertTrue(line.endsWith("go on from that one with --from-previous"), line);
    assertTrue(train(run, 9, Resume.PREVIOUS_IF_DAMAGED));
    assertTrue(Files.exists(run.resolve("checkpoints/damaged-3")));
    Path undisturbed = folder.resolve("undisturbed");
    assertTrue(train(undisturbed, 9, Resume.NEWEST));
    assertArrayEquals(
        Files.readAllBytes(undisturbed.resolve(TeacherRun.FILE)),
        Files.readAllBytes(run.resolve(TeacherRun.FILE)));
  }
}
