package org.halfstep.doctor;

import java.nio.file.Path;
import org.halfstep.checkpoint.CheckpointOptions;
import org.halfstep.model.Network;

/**
 * How a model is examined.
 *
 * @param checkpoint how its files are read
 * @param tokenizer a folder with a tokenizer or a merges.txt, for files without one; else null
 * @param image a picture to encode and decode, for which a photo is best; null for a drawn one
 * @param memory bytes that packed weights may take, or {@link Network#DEFAULT_MEMORY}
 */
public record DoctorOptions(CheckpointOptions checkpoint, Path tokenizer, Path image, long memory) {
  /** Files as they are, and a drawn picture. */
  public static DoctorOptions standard() {
    return new DoctorOptions(CheckpointOptions.standard(), null, null, Network.DEFAULT_MEMORY);
  }

  public DoctorOptions withCheckpoint(CheckpointOptions options) {
    return new DoctorOptions(options, tokenizer, image, memory);
  }

  public DoctorOptions withTokenizer(Path path) {
    return new DoctorOptions(checkpoint, path, image, memory);
  }

  public DoctorOptions withImage(Path path) {
    return new DoctorOptions(checkpoint, tokenizer, path, memory);
  }

  public DoctorOptions withMemory(long bytes) {
    return new DoctorOptions(checkpoint, tokenizer, image, bytes);
  }
}
