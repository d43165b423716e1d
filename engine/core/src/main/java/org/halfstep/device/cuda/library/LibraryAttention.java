package org.halfstep.device.cuda.library;

import java.util.Optional;
import org.halfstep.device.AttentionShape;
import org.halfstep.device.Launch;

/**
 * Attention of one shape by a library, over the memory and with the results that {@code halfstep.h}
 * defines: the two may be mixed, pass by pass. A pass that the library turns out not to have is
 * empty.
 */
public interface LibraryAttention extends AutoCloseable {
  /** Bytes of workspace of {@link #forward}. */
  long forwardWorkspaceBytes();

  /** Bytes of workspace of {@link #backward}. */
  long backwardWorkspaceBytes();

  Optional<Launch> forward(AttentionShape.Memory memory);

  Optional<Launch> backward(AttentionShape.Memory memory, AttentionShape.Gradients gradients);

  @Override
  void close();
}
