package org.halfstep.graph;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;

/**
 * Ops between two cuts of a graph ({@link Graph#cut}), which a plan of little memory runs twice:
 * nothing inside them is kept on the way forward, and on the way back they run again, from what was
 * kept of the values that cross a cut, before their gradients are formed (Chen et al., "Training
 * Deep Nets with Sublinear Memory Cost", 2016). The kernels and what they read are the same, so
 * gradients are, to the bit.
 *
 * @param from index of the first op
 * @param to index behind the last one
 * @param inner numbers of the values that nobody outside reads
 */
record RecomputedBlock(int from, int to, BitSet inner) {
  /** The blocks of a graph, in order; none in a plan that keeps everything. */
  static List<RecomputedBlock> of(Graph graph, PlanOptions options) {
    List<RecomputedBlock> blocks = new ArrayList<>();
    if (!options.training() || !options.recomputes()) {
      return blocks;
    }
    List<Integer> cuts = graph.cuts();
    for (int i = 0; i + 1 < cuts.size(); i++) {
      if (cuts.get(i) < cuts.get(i + 1)) {
        blocks.add(between(graph, options, cuts.get(i), cuts.get(i + 1)));
      }
    }
    return blocks;
  }

  private static RecomputedBlock between(Graph graph, PlanOptions options, int from, int to) {
    BitSet inner = new BitSet();
    List<Op> ops = graph.ops();
    for (Op op : ops.subList(from, to)) {
      inner.set(op.output().id());
      op.between().forEach(value -> inner.set(value.id()));
    }
    for (int i = 0; i < ops.size(); i++) {
      if (i < from || i >= to) {
        for (Value read : ops.get(i).inputs()) {
          read.sources().forEach(source -> inner.clear(source.id()));
        }
      }
    }
    options.kept().forEach(value -> inner.clear(value.id()));
    inner.clear(graph.named(Plan.OUTPUT).id());
    return new RecomputedBlock(from, to, inner);
  }
}
