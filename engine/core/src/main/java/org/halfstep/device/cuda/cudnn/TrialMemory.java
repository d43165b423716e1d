package org.halfstep.device.cuda.cudnn;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.halfstep.device.cuda.driver.Driver;
import org.halfstep.device.cuda.library.Scratch;

/**
 * Device memory for one run of an operation: its tensors, filled with numbers, and a workspace. It
 * comes from the driver's pool in the order of one stream, so no other stream is waited for.
 */
final class TrialMemory implements AutoCloseable {
  /** Bytes of the pattern that tensors are filled with. */
  static final int PATTERN_BYTES = 1 << 20;

  /** More is not taken: a plan is timed before the network's own memory is. */
  static final long MOST_BYTES = 4L << 30;

  /** 0.5 in bfloat16; the bits below are those of the mantissa, the one above is the sign. */
  private static final int HALF = 0x3F00;

  private static final int SIGN_AND_MANTISSA = 0x807F;

  private final Driver driver;
  private final long stream;
  private final long address;
  private final long workspace;
  private final Map<Long, Long> addresses = new HashMap<>();

  /**
   * A tensor of a graph.
   *
   * @param id its name in the graph
   * @param bytes from its first to its last element
   */
  record Tensor(long id, long bytes) {}

  /**
   * Takes the memory and begins to fill it, in the order of the stream.
   *
   * @param pattern {@link #PATTERN_BYTES} of page-locked memory, see {@link #fill}
   * @throws IllegalStateException if there is not enough
   */
  TrialMemory(
      Driver driver,
      long stream,
      List<Tensor> tensors,
      long workspaceBytes,
      MemorySegment pattern) {
    this.driver = driver;
    this.stream = stream;
    long tensorBytes = tensors.stream().mapToLong(each -> Scratch.rounded(each.bytes())).sum();
    long bytes = tensorBytes + Scratch.rounded(workspaceBytes);
    this.address = bytes > MOST_BYTES ? 0 : driver.allocate(bytes, stream);
    if (address == 0) {
      throw new IllegalStateException(
          "a run needs "
              + (bytes >> 20)
              + " MiB, of which "
              + (MOST_BYTES >> 20)
              + " are allowed and "
              + (driver.freeBytes() >> 20)
              + " free");
    }
    long next = address;
    for (Tensor tensor : tensors) {
      addresses.put(tensor.id(), next);
      next += Scratch.rounded(tensor.bytes());
    }
    this.workspace = next;
    try {
      for (long done = 0; done < tensorBytes; done += PATTERN_BYTES) {
        long size = Math.min(PATTERN_BYTES, tensorBytes - done);
        driver.copyToDevice(address + done, pattern.address(), size, stream);
      }
    } catch (RuntimeException failure) {
      close();
      throw failure;
    }
  }

  /**
   * Fills memory with random numbers of either sign, 0.5 or more and below 1, in bfloat16 and read
   * as float32: multiplying zeros takes less power than a network does, and so less time.
   */
  static void fill(MemorySegment pattern) {
    Random random = new Random(1);
    for (long at = 0; at < pattern.byteSize(); at += Short.BYTES) {
      int bits = HALF | random.nextInt(1 << 16) & SIGN_AND_MANTISSA;
      pattern.set(ValueLayout.JAVA_SHORT, at, (short) bits);
    }
  }

  /** Where a tensor is. */
  long address(long id) {
    return addresses.get(id);
  }

  long workspace() {
    return workspace;
  }

  /** Gives the memory back once what runs on the stream is over. */
  @Override
  public void close() {
    driver.free(address, stream);
  }
}
