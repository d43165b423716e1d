package org.halfstep.checkpoint;

import java.nio.file.Path;
import java.util.List;
import org.halfstep.files.DataException;
import org.halfstep.safetensors.ConvertedTensor;

/** Whether numbers fit the format that they are to be written in. */
final class NumberRange {
  private NumberRange() {}

  /**
   * Refuses numbers that would become infinite.
   *
   * @throws DataException in one line, with the first
   */
  static void require(List<ConvertedTensor> tensors, Path from) throws DataException {
    for (ConvertedTensor tensor : tensors) {
      float value = tensor.firstOverflow();
      if (!Float.isNaN(value)) {
        throw new DataException(
            from,
            "tensor "
                + tensor.name()
                + " holds "
                + value
                + ", which is more than f16 can hold: write bf16 or f32");
      }
    }
  }
}
