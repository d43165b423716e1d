package org.halfstep.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.halfstep.files.DataException;
import org.halfstep.graph.Graph;
import org.halfstep.graph.Parameter;
import org.halfstep.graph.Parameter.Initializer;
import org.halfstep.model.TensorPlace.BatchNorm;
import org.halfstep.model.TensorPlace.ScaledByNorm;
import org.halfstep.model.TensorPlace.ShiftOfNorm;
import org.halfstep.model.TensorPlace.Stored;
import org.halfstep.safetensors.Dtype;
import org.halfstep.safetensors.TensorView;
import org.halfstep.safetensors.Tensors;
import org.junit.jupiter.api.Test;

/** Parameters from tensors under names and in forms of other programs. */
class StoredParametersTest {
  /** Tensors in memory. */
  private static final class Made implements Tensors {
    private final Map<String, TensorView> tensors = new LinkedHashMap<>();

    Made with(String name, List<Integer> shape, float... values) {
      return with(name, Dtype.F32, shape, MemorySegment.ofArray(values));
    }

    Made with(String name, Dtype type, List<Integer> shape, MemorySegment data) {
      long[] extents = shape.stream().mapToLong(Integer::longValue).toArray();
      tensors.put(name, new TensorView(name, type, extents, data));
      return this;
    }

    @Override
    public String origin() {
      return "made";
    }

    @Override
    public Set<String> names() {
      return tensors.keySet();
    }

    @Override
    public Optional<TensorView> find(String name) {
      return Optional.ofNullable(tensors.get(name));
    }

    @Override
    public void close() {}
  }

  /** A table in a test. */
  private record Table(Map<String, List<TensorPlace>> table, Set<String> ignored)
      implements TensorNames {
    static Table of(String parameter, TensorPlace... places) {
      return new Table(Map.of(parameter, List.of(places)), Set.of());
    }

    @Override
    public String layout() {
      return "somebody";
    }

    @Override
    public List<TensorPlace> places(String parameter) {
      return table.getOrDefault(parameter, List.of());
    }

    @Override
    public boolean ignores(String tensor) {
      return ignored.contains(tensor);
    }
  }

  private static Graph graph(Integer... shape) {
    Graph graph = new Graph();
    graph.parameter("p", Initializer.ZERO, 1, shape);
    return graph;
  }

  private static float[] read(Graph graph, Tensors tensors, TensorNames names) throws IOException {
    Parameter parameter = graph.parameters().get("p");
    float[] values = new float[(int) parameter.size()];
    StoredParameters.of(graph, tensors, names)
        .requireNumbers()
        .copy(parameter, MemorySegment.ofArray(values));
    return values;
  }

  private static void refused(String words, Graph graph, Tensors tensors, TensorNames names) {
    IOException refused = assertThrows(DataException.class, () -> read(graph, tensors, names));
    assertEquals("made: " + words, refused.getMessage());
  }

  @Test
  void aPartIsItsRows() throws IOException {
    Made fused = new Made().with("qkv", List.of(6, 2), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);
    assertArrayEquals(
        new float[] {4, 5, 6, 7},
        read(graph(2, 2), fused, Table.of("p", Stored.whole("qkv").part(1, 3))));
    refused(
        "tensor qkv has shape [6, 2], expected [4, 2]",
        graph(2, 2),
        fused,
        Table.of("p", Stored.whole("qkv").part(1, 2)));
  }

  @Test
  void aTransposedMatrixIsTurned() throws IOException {
    assertArrayEquals(
        new float[] {0, 3, 1, 4, 2, 5},
        read(
            graph(3, 2),
            new Made().with("t", List.of(2, 3), 0, 1, 2, 3, 4, 5),
            Table.of("p", Stored.whole("t").transpose())));
  }

  @Test
  void onesAtTheEndOfAShapeMeanNothing() throws IOException {
    float[] values = {1, 2, 3, 4};
    Table names = Table.of("p", Stored.whole("t"));
    assertArrayEquals(
        values, read(graph(2, 2), new Made().with("t", List.of(2, 2, 1, 1), values), names));
    assertArrayEquals(
        values, read(graph(2, 2, 1), new Made().with("t", List.of(2, 2), values), names));
    assertArrayEquals(
        new float[] {5}, read(graph(1), new Made().with("t", List.of(1, 1), 5), names));
    refused(
        "tensor t has shape [1, 2, 2], expected [2, 2]",
        graph(2, 2),
        new Made().with("t", List.of(1, 2, 2), values),
        names);
  }

  @Test
  void aBatchNormBecomesPartOfTheConvolution() throws IOException {
    Made tensors =
        new Made()
            .with("c", List.of(2, 2), 1, 2, 3, 4)
            .with("bn.weight", List.of(2), 2, 3)
            .with("bn.bias", List.of(2), 10, 20)
            .with("bn.running_mean", List.of(2), 1, -2)
            .with("bn.running_var", List.of(2), 3.75f, 0);
    BatchNorm norm = new BatchNorm("bn", 0.25);
    TensorNames both =
        new Table(
            Map.of(
                "p", List.of(new ScaledByNorm(Stored.whole("c"), norm)),
                "b", List.of(new ShiftOfNorm(norm))),
            Set.of());
    Graph graph = graph(2, 2);
    graph.parameter("b", Initializer.ZERO, 1, 2);
    // 2 / sqrt(4) = 1 and 3 / sqrt(0.25) = 6.
    assertArrayEquals(new float[] {1, 2, 18, 24}, read(graph, tensors, both));
    float[] shift = new float[2];
    StoredParameters.of(graph, tensors, both)
        .copy(graph.parameters().get("b"), MemorySegment.ofArray(shift));
    assertArrayEquals(new float[] {10 - 1, 20 + 12}, shift);

    tensors.with("bn.running_var", List.of(2), 1, -1);
    refused(
        "tensor bn.running_var has -1.0 at 1, expected variances of at least 0",
        graph,
        tensors,
        both);
    tensors.with("bn.running_var", List.of(3), 1, 1, 1);
    refused("tensor bn.running_var has shape [3], expected [2]", graph, tensors, both);
    tensors.tensors.remove("bn.running_var");
    refused("tensor bn.running_var is missing, which p [2, 2] needs", graph, tensors, both);
  }

  @Test
  void thePlacesAreTriedInTheirOrder() throws IOException {
    Table names = Table.of("p", Stored.whole("to_q"), Stored.whole("query"));
    Made old = new Made().with("query", List.of(1), 7);
    assertArrayEquals(new float[] {7}, read(graph(1), old, names));
    assertArrayEquals(new float[] {8}, read(graph(1), old.with("to_q", List.of(1), 8), names));
    refused("tensor to_q is missing; expected a file of somebody", graph(1), new Made(), names);
    refused(
        "is a file of somebody, which cannot hold p [1] of this network",
        graph(1),
        new Made(),
        Table.of("other", Stored.whole("t")));
    refused("tensor p is missing", graph(1), new Made(), TensorNames.OWN);
  }

  @Test
  void whatNobodyReadsIsRefusedUnlessItIsKnown() throws IOException {
    Made tensors =
        new Made().with("p", List.of(1), 1).with("vae.p", List.of(1), 2).with("ids", List.of(1), 3);
    refused(
        "tensor vae.p is not part of the network it describes",
        graph(1),
        tensors,
        new Table(Map.of("p", List.of(Stored.whole("p"))), Set.of("ids")));
    assertArrayEquals(
        new float[] {1},
        read(
            graph(1),
            tensors,
            new Table(Map.of("p", List.of(Stored.whole("p"))), Set.of("ids", "vae.p"))));
    assertArrayEquals(new float[] {2}, read(graph(1), tensors, TensorNames.OWN.under("vae.")));
  }

  @Test
  void numbersOfEveryFloatingTypeAreWidened() throws IOException {
    short[] half = {Float.floatToFloat16(0.333f), Float.floatToFloat16(6e-8f)};
    assertArrayEquals(
        new float[] {Float.float16ToFloat(half[0]), 0x1p-24f},
        read(
            graph(2),
            new Made().with("p", Dtype.F16, List.of(2), MemorySegment.ofArray(half)),
            TensorNames.OWN));
    short[] brain = {(short) 0x3fc0, (short) 0xbf80};
    assertArrayEquals(
        new float[] {1.5f, -1},
        read(
            graph(2),
            new Made().with("p", Dtype.BF16, List.of(2), MemorySegment.ofArray(brain)),
            TensorNames.OWN));
    refused(
        "tensor p is F64, expected F32, F16 or BF16",
        graph(1),
        new Made().with("p", Dtype.F64, List.of(1), MemorySegment.ofArray(new double[1])),
        TensorNames.OWN);
    refused(
        "tensor p is I64, expected F32, F16 or BF16",
        graph(2),
        new Made().with("p", Dtype.I64, List.of(2), MemorySegment.ofArray(new long[2])),
        TensorNames.OWN);
  }

  @Test
  void numbersThatAreNoneAreRefused() {
    IOException refused =
        assertThrows(
            DataException.class,
            () -> read(graph(2), new Made().with("p", List.of(2), 1, Float.NaN), TensorNames.OWN));
    assertTrue(
        refused.getMessage().startsWith("made: tensor p has NaN at 1"), refused.getMessage());
  }
}
