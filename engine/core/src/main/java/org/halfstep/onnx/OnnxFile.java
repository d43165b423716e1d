package org.halfstep.onnx;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.halfstep.files.DataException;
import org.halfstep.files.InputFile;
import org.halfstep.safetensors.TensorView;
import org.halfstep.safetensors.Tensors;

/**
 * The weights (initializers) of an ONNX model, mapped and read-only; its graph is not run. A weight
 * that an exporter has given a number for a name ("onnx::MatMul_787") goes by the node that reads
 * it: "encoder.layer.0.output.dense.MatMul" is what the node "/encoder/layer.0/output/dense/MatMul"
 * multiplies with, {@code [in, out]}.
 *
 * <p>Source: onnx.proto of ONNX 1.12: ModelProto, GraphProto, NodeProto, TensorProto.
 */
public final class OnnxFile implements Tensors {
  private static final String NUMBERED = "onnx::";
  private static final int MODEL_GRAPH = 7;
  private static final int GRAPH_NODE = 1;
  private static final int GRAPH_INITIALIZER = 5;
  private static final int NODE_INPUT = 1;
  private static final int NODE_NAME = 3;
  private static final int MOST_TENSORS = 1 << 20;

  private final Path path;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment file;
  private final Map<String, TensorView> tensors = new LinkedHashMap<>();

  private OnnxFile(Path path) throws IOException {
    this.path = path;
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      file = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
      readModel();
    } catch (Throwable failure) {
      arena.close();
      throw failure;
    }
  }

  /**
   * Maps a file and finds its weights.
   *
   * @throws IOException in one line, when it is no ONNX model, is damaged, or keeps its weights in
   *     files beside it
   */
  public static OnnxFile open(Path path) throws IOException {
    InputFile.require(path, "an ONNX model", ".onnx");
    return new OnnxFile(path);
  }

  private void readModel() throws IOException {
    Message model = new Message(path, file, 0);
    boolean found = false;
    while (model.next()) {
      if (model.field() == MODEL_GRAPH && model.type() == Message.BYTES) {
        readGraph(model.message());
        found = true;
      } else {
        model.skip();
      }
    }
    if (!found) {
      throw new DataException(path, "has no graph: expected an ONNX model");
    }
  }

  private void readGraph(Message graph) throws DataException {
    Map<String, List<String>> readers = new LinkedHashMap<>();
    List<TensorView> read = new ArrayList<>();
    while (graph.next()) {
      switch (graph.field()) {
        case GRAPH_NODE -> readNode(graph.message(), readers);
        case GRAPH_INITIALIZER -> read.add(OnnxTensor.read(graph.message()));
        default -> graph.skip();
      }
      if (read.size() > MOST_TENSORS) {
        throw graph.refuse("has more than " + MOST_TENSORS + " weights");
      }
    }
    for (TensorView tensor : read) {
      List<String> names =
          tensor.name().startsWith(NUMBERED)
              ? readers.getOrDefault(tensor.name(), List.of())
              : List.of(tensor.name());
      for (String name : names) {
        TensorView named = new TensorView(name, tensor.dtype(), tensor.shape(), tensor.data());
        if (tensors.putIfAbsent(name, named) != null) {
          throw new DataException(path, "has two weights of the name " + name);
        }
      }
    }
  }

  /** Notes which numbered weights a node reads. */
  private static void readNode(Message node, Map<String, List<String>> readers)
      throws DataException {
    String name = "";
    List<String> numbered = new ArrayList<>();
    while (node.next()) {
      switch (node.field()) {
        case NODE_INPUT -> {
          String input = node.text();
          if (input.startsWith(NUMBERED)) {
            numbered.add(input);
          }
        }
        case NODE_NAME -> name = node.text();
        default -> node.skip();
      }
    }
    String plain = name.startsWith("/") ? name.substring(1) : name;
    for (String input : numbered) {
      readers.computeIfAbsent(input, _ -> new ArrayList<>()).add(plain.replace('/', '.'));
    }
  }

  @Override
  public String origin() {
    return path.toString();
  }

  @Override
  public Set<String> names() {
    return Collections.unmodifiableSet(tensors.keySet());
  }

  @Override
  public Optional<TensorView> find(String name) {
    return Optional.ofNullable(tensors.get(name));
  }

  @Override
  public void unload() {
    file.unload();
  }

  @Override
  public void close() {
    arena.close();
  }
}
