package org.halfstep.graph;

import java.util.Map;
import java.util.TreeMap;
import org.halfstep.device.DataType;
import org.halfstep.device.Launch;
import org.halfstep.device.Operations;

/**
 * Which parameter gradients the steps of a plan write. Files may keep parameters that no op reads,
 * as of attention to a single token: their gradients are zero.
 */
final class WrittenGradients {
  /** The end of each written range by its start, in floats. */
  private final TreeMap<Long, Long> ranges = new TreeMap<>();

  /** A step writes the gradient of a parameter, or of a stack of them. */
  void add(Parameter parameter) {
    ranges.merge(parameter.offset(), parameter.offset() + parameter.size(), Math::max);
  }

  boolean contains(Parameter parameter) {
    Map.Entry<Long, Long> range = ranges.floorEntry(parameter.offset());
    return range != null && range.getValue() > parameter.offset();
  }

  /** Writes zeros: an image without pixels, padded. */
  static Launch clear(Operations operations, long address, Parameter parameter) {
    return operations
        .kernel("pad")
        .with("n out_h out_w out_c", 1, 1, 1, parameter.size())
        .with("dtype x y", DataType.F32, address, address);
  }
}
