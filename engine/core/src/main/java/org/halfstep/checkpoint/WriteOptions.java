package org.halfstep.checkpoint;

import java.nio.file.Path;
import org.halfstep.safetensors.Dtype;

/**
 * How a checkpoint is written.
 *
 * @param dtype F32, F16 or BF16; null to keep what each tensor has
 * @param variant what a folder's weights are called besides, such as "fp16"; null for nothing
 * @param shardBytes bytes of one of several files of a network in a folder; 0 for one file
 * @param tokenizer the tokenizer's folder or file; null for the one that was read
 */
public record WriteOptions(Dtype dtype, String variant, long shardBytes, Path tokenizer) {
  public WriteOptions {
    if (dtype != null && dtype != Dtype.F32 && dtype != Dtype.F16 && dtype != Dtype.BF16) {
      throw new IllegalArgumentException("weights are stored as F32, F16 or BF16, not " + dtype);
    }
    if (shardBytes < 0) {
      throw new IllegalArgumentException("a file cannot have " + shardBytes + " bytes");
    }
    if (variant != null) {
      WeightFiles.requireName(variant);
    }
  }

  /** Everything as it was read, each network in one file. */
  public static WriteOptions same() {
    return new WriteOptions(null, null, 0, null);
  }

  public WriteOptions withDtype(Dtype newDtype) {
    return new WriteOptions(newDtype, variant, shardBytes, tokenizer);
  }

  public WriteOptions withVariant(String newVariant) {
    return new WriteOptions(dtype, newVariant, shardBytes, tokenizer);
  }

  public WriteOptions withShardBytes(long newShardBytes) {
    return new WriteOptions(dtype, variant, newShardBytes, tokenizer);
  }

  public WriteOptions withTokenizer(Path newTokenizer) {
    return new WriteOptions(dtype, variant, shardBytes, newTokenizer);
  }
}
