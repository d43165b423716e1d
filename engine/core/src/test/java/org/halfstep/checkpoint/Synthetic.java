package org.halfstep.checkpoint;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.halfstep.safetensors.Bfloat16;
import org.halfstep.safetensors.Dtype;
import org.halfstep.safetensors.NamedTensor;
import org.halfstep.safetensors.SafetensorsFile;
import org.halfstep.safetensors.SafetensorsWriter;
import org.halfstep.safetensors.TensorView;

/** Small models of every kind with hashed weights, and what the tests do with their files. */
final class Synthetic {
  private Synthetic() {}

  static UNetDescription unet(int in, int context, boolean linear, int heads, int guidance) {
    return new UNetDescription(
        in,
        4,
        List.of(32, 64),
        List.of(true, false),
        List.of(false, true),
        1,
        context,
        List.of(heads, heads),
        linear,
        32,
        guidance,
        0);
  }

  private static AutoencoderDescription stage(int codes) {
    return new AutoencoderDescription(
        3,
        codes > 0 ? 3 : 4,
        List.of(32, 64),
        1,
        32,
        codes > 0 ? 1 : 0.18215,
        codes,
        codes > 0 ? 3 : 4);
  }

  /** A model whose networks can be told from their tensors alone. */
  static Checkpoint first(int in, int guidance) {
    Checkpoint made = new Checkpoint(Path.of("synthetic"), Checkpoint.Layout.FOLDER);
    add(made, unet(in, 768, false, 8, guidance));
    add(made, stage(0));
    add(made, new TextDescription(40, 77, 64, 128, 2, 1, true));
    made.setScheduler(SchedulerConfig.stableDiffusion(SchedulerConfig.EPSILON, false));
    return made;
  }

  /** The same of the second generation: OpenCLIP's text, v, 64 channels a head. */
  static Checkpoint second() {
    Checkpoint made = new Checkpoint(Path.of("synthetic"), Checkpoint.Layout.FOLDER);
    add(
        made,
        new UNetDescription(
            4,
            4,
            List.of(64, 128),
            List.of(true, false),
            List.of(false, true),
            1,
            1024,
            List.of(1, 2),
            true,
            32,
            0,
            0));
    add(made, stage(0));
    add(made, new TextDescription(40, 77, 64, 128, 2, 1, false));
    made.setScheduler(SchedulerConfig.stableDiffusion(SchedulerConfig.VELOCITY, true));
    return made;
  }

  /** A class-conditional model with codes. */
  static Checkpoint classes() {
    Checkpoint made = new Checkpoint(Path.of("synthetic"), Checkpoint.Layout.FOLDER);
    add(
        made,
        new UNetDescription(
            3,
            3,
            List.of(32, 64),
            List.of(false, true),
            List.of(true, false),
            1,
            512,
            List.of(1, 1),
            false,
            32,
            0,
            11));
    add(made, stage(16));
    made.setScheduler(SchedulerConfig.latentDiffusion());
    return made;
  }

  private static void add(Checkpoint made, NetworkDescription network) {
    made.add(new Component(network, network.toJson(), made.own(new HashedTensors(network))));
  }

  /** Names of what two models do not have alike; numbers as far as a format holds them. */
  static List<String> differences(Checkpoint expected, Checkpoint got, Dtype dtype) {
    List<String> different = new ArrayList<>();
    if (!expected.components().keySet().equals(got.components().keySet())) {
      different.add("components " + got.components().keySet());
    }
    for (Component own : expected.components().values()) {
      Component other = got.component(own.part()).orElse(null);
      if (other == null || !own.network().equals(other.network())) {
        different.add(own.network() + " is " + other);
        continue;
      }
      for (String name : own.network().shapes().keySet()) {
        TensorView wanted = own.tensors().find(name).orElseThrow();
        TensorView found = other.tensors().find(name).orElseThrow();
        if (found.dtype() != dtype
            || !Arrays.equals(wanted.shape(), found.shape())
            || !Arrays.equals(rounded(wanted.floats(), dtype), found.floats())) {
          different.add(own.part() + " " + name);
        }
      }
    }
    return different;
  }

  private static float[] rounded(float[] values, Dtype dtype) {
    for (int i = 0; i < values.length; i++) {
      values[i] =
          switch (dtype) {
            case F16 -> Float.float16ToFloat(Float.floatToFloat16(values[i]));
            case BF16 -> Bfloat16.toFloat(Bfloat16.fromFloat(values[i]));
            default -> values[i];
          };
    }
    return values;
  }

  /** What a change of tensors does. */
  interface Change {
    void of(Map<String, NamedTensor> tensors);
  }

  /** Writes a safetensors file again with other tensors, and without metadata. */
  static Path changed(Path from, Path to, Change change) throws IOException {
    try (SafetensorsFile file = SafetensorsFile.open(from)) {
      Map<String, NamedTensor> tensors = new LinkedHashMap<>();
      for (String name : file.names()) {
        TensorView view = file.tensor(name);
        tensors.put(name, new NamedTensor(name, view.dtype(), view.shape(), view.data()));
      }
      change.of(tensors);
      SafetensorsWriter.write(to, List.copyOf(tensors.values()), Map.of());
    }
    return to;
  }

  /** A tensor of zeros. */
  static NamedTensor zeros(String name, long... shape) {
    long elements = ParameterShapes.elements(shape);
    return NamedTensor.f32(name, shape, MemorySegment.ofArray(new float[(int) elements]));
  }

  static void add(Map<String, NamedTensor> tensors, String name, long... shape) {
    tensors.put(name, zeros(name, shape));
  }

  /** The same numbers under another name. */
  static void rename(Map<String, NamedTensor> tensors, String from, String to) {
    NamedTensor tensor = tensors.remove(from);
    tensors.put(to, new NamedTensor(to, tensor.dtype(), tensor.shape(), tensor.data()));
  }
}
