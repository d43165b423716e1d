package org.halfstep.checkpoint;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.halfstep.model.TensorNames;
import org.halfstep.model.TensorPlace;
import org.halfstep.safetensors.ConvertedTensor;
import org.halfstep.safetensors.Dtype;
import org.halfstep.safetensors.SafetensorsWriter;
import org.halfstep.safetensors.TensorView;
import org.halfstep.torch.TorchWriter;

/**
 * Writes single files under CompVis' names: safetensors, or PyTorch's with the tensors under
 * "state_dict". What the names and shapes do not tell (heads, groups of norms, what the UNet
 * predicts) is said as JSON in the metadata, for readers who look there.
 */
public final class SingleFileWriter {
  private final Checkpoint checkpoint;
  private final Dtype dtype;
  private final List<ConvertedTensor> tensors = new ArrayList<>();

  private SingleFileWriter(Checkpoint checkpoint, Dtype dtype) {
    this.checkpoint = checkpoint;
    this.dtype = dtype;
  }

  /** Whether a file of this name is one of PyTorch's. */
  static boolean isTorch(Path file) {
    String name = file.getFileName().toString();
    return name.endsWith(".ckpt") || name.endsWith(".pt") || name.endsWith(".pth");
  }

  /**
   * Writes or replaces a file.
   *
   * @throws IOException in one line, when it cannot be written
   */
  public static void write(Checkpoint checkpoint, Path file, WriteOptions options)
      throws IOException {
    SingleFileWriter writer = new SingleFileWriter(checkpoint, options.dtype());
    boolean lone = checkpoint.components().size() == 1 && checkpoint.scheduler().isEmpty();
    try (Arena arena = Arena.ofShared()) {
      for (Component component : checkpoint.components().values()) {
        writer.add(component.requireFloating(), lone);
      }
      writer.marks(arena);
      writer.layerThatIsNotRun(arena, lone);
      NumberRange.require(writer.tensors, checkpoint.path());
      if (isTorch(file)) {
        TorchWriter.write(file, writer.tensors, writer.texts());
      } else {
        SafetensorsWriter.write(file, writer.tensors, writer.texts());
      }
    }
  }

  private Map<String, String> texts() {
    Map<String, String> texts = new LinkedHashMap<>();
    for (Component component : checkpoint.components().values()) {
      texts.put(SingleFileTexts.key(component.part()), component.config().toString());
    }
    checkpoint
        .scheduler()
        .ifPresent(said -> texts.put(SingleFileTexts.SCHEDULER, said.json().toString()));
    return texts;
  }

  /** The names of a network in the file, with their prefix where there are others. */
  private static TensorNames names(NetworkDescription network, boolean lone) {
    if (lone) {
      // Alone, a text encoder is known by transformers' names only.
      return network instanceof TextEncoderDescription ? network.diffusers() : network.single();
    }
    return switch (network) {
      case UNetDescription unet ->
          SingleFileNames.withClassTable(unet.single().under(SingleFileNames.UNET));
      case AutoencoderDescription stage -> stage.single().under(SingleFileNames.FIRST_STAGE);
      case TextDescription text ->
          text.single().under(text.isQuick() ? SingleFileNames.TEXT : SingleFileNames.OPEN_CLIP);
      case BertDescription bert ->
          throw new IllegalArgumentException(
              "single files have no place for a text encoder of BERT's kind: write a folder");
    };
  }

  private void add(Component component, boolean lone) {
    TensorNames names = names(component.network(), lone);
    Map<String, Map<Integer, TensorView>> fused = new LinkedHashMap<>();
    for (Map.Entry<String, long[]> parameter : component.network().shapes().entrySet()) {
      TensorPlace.Stored place = (TensorPlace.Stored) names.places(parameter.getKey()).getFirst();
      TensorView tensor = component.tensors().find(parameter.getKey()).orElseThrow();
      if (place.parts() > 1) {
        fused.computeIfAbsent(place.tensor(), _ -> new TreeMap<>()).put(place.part(), tensor);
      } else {
        tensors.add(
            ConvertedTensor.of(
                place.tensor(), dtype, extents(parameter.getValue(), place), List.of(tensor)));
      }
    }
    fused.forEach(
        (name, parts) -> {
          long[] shape = parts.get(0).shape();
          shape[0] *= parts.size();
          tensors.add(ConvertedTensor.of(name, dtype, shape, List.copyOf(parts.values())));
        });
  }

  private static long[] extents(long[] shape, TensorPlace.Stored place) {
    long[] extents = new long[Math.max(shape.length, place.rank())];
    Arrays.fill(extents, 1);
    System.arraycopy(shape, 0, extents, 0, shape.length);
    return extents;
  }

  /**
   * Empty entries for programs that look for them: the network predicts v, its schedule ends in
   * noise.
   */
  private void marks(Arena arena) {
    checkpoint
        .scheduler()
        .ifPresent(
            said -> {
              if (said.prediction().equals(SchedulerConfig.VELOCITY)) {
                zeros(arena, SingleFileNames.VELOCITY, 1);
              }
              if (said.zeroTerminal()) {
                zeros(arena, SingleFileNames.ZERO_TERMINAL, 1);
              }
            });
  }

  /**
   * Files of OpenCLIP have one layer more than is run. A folder has not kept it; zeros take its
   * place, with which it would change nothing.
   */
  private void layerThatIsNotRun(Arena arena, boolean lone) {
    TextDescription text =
        checkpoint
            .component(Part.TEXT_ENCODER)
            .filter(component -> component.network() instanceof TextDescription)
            .map(component -> (TextDescription) component.network())
            .orElse(null);
    if (text == null || text.isQuick() || lone) {
      return;
    }
    String ran = ".resblocks." + (text.layers() - 1) + ".";
    for (ConvertedTensor tensor : List.copyOf(tensors)) {
      if (tensor.name().startsWith(SingleFileNames.OPEN_CLIP) && tensor.name().contains(ran)) {
        zeros(
            arena, tensor.name().replace(ran, ".resblocks." + text.layers() + "."), tensor.shape());
      }
    }
  }

  private void zeros(Arena arena, String name, long... shape) {
    MemorySegment data = arena.allocate(Float.BYTES * ParameterShapes.elements(shape), Float.BYTES);
    TensorView view = new TensorView(name, Dtype.F32, shape, data);
    tensors.add(ConvertedTensor.of(name, dtype, view));
  }
}
