package org.halfstep.device.cuda;

import java.util.Optional;
import org.halfstep.device.Launch;

/**
 * Attention of one shape by a library, over the memory and with the results that {@code halfstep.h}
 * defines: the two may be mixed, pass by pass. A pass that the library turns out not to have is
 * empty.
 */
interface Attention extends AutoCloseable {
  /** Bytes of workspace of {@link #forward}. */
  long forwardWorkspaceBytes();

  /** Bytes of workspace of {@link #backward}. */
  long backwardWorkspaceBytes();

  /**
   * @param logSumExp 0 when no backward pass follows
   */
  Optional<Launch> forward(long qkv, long y, long logSumExp, long workspace);

  Optional<Launch> backward(long qkv, long y, long logSumExp, long dy, long dqkv, long workspace);

  @Override
  void close();
}
