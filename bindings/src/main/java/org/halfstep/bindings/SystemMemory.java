package org.halfstep.bindings;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * Memory straight from Linux, zeroed, in pages of 2 MiB where the system has such: strided accesses
 * then find their pages in the processor's table of addresses.
 */
@SuppressWarnings("restricted") // binding C functions is what this class is for
public final class SystemMemory {
  /** Bytes of a large page. */
  public static final long LARGE_PAGE = 2L << 20;

  private static final long PAGE = 4096;
  private static final int PROT_READ_WRITE = 0x1 | 0x2;
  private static final int MAP_PRIVATE_ANONYMOUS = 0x02 | 0x20;
  private static final long MAP_FAILED = -1;
  private static final int MADV_DONTNEED = 4;
  private static final int MADV_HUGEPAGE = 14;
  private static final int MREMAP_MAYMOVE_FIXED = 0x1 | 0x2;

  private static final MethodHandle mmap =
      handle(
          "mmap",
          FunctionDescriptor.of(
              ADDRESS, ADDRESS, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG));
  private static final MethodHandle munmap =
      handle("munmap", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG));
  private static final MethodHandle mremap =
      handle(
          "mremap",
          FunctionDescriptor.of(ADDRESS, ADDRESS, JAVA_LONG, JAVA_LONG, JAVA_INT, ADDRESS));
  private static final MethodHandle madvise =
      handle("madvise", FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT));

  private SystemMemory() {}

  /**
   * Memory that begins at a multiple of {@link #LARGE_PAGE}; {@link #release} with the same number
   * of bytes gives it back.
   *
   * @param bytes above 0
   * @return its address, or 0 when the system refuses
   */
  public static long allocate(long bytes) {
    if (bytes <= 0 || bytes > Long.MAX_VALUE - 2 * LARGE_PAGE) {
      throw new IllegalArgumentException("bytes must be above 0 and addressable, got " + bytes);
    }
    try {
      // The system aligns to small pages only: what is too much at both ends is given back.
      long mapped = (bytes + PAGE - 1) / PAGE * PAGE + LARGE_PAGE;
      MemorySegment memory =
          (MemorySegment)
              mmap.invokeExact(
                  MemorySegment.NULL, mapped, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0L);
      if (memory.address() == MAP_FAILED) {
        return 0;
      }
      long start = memory.address();
      long aligned = (start + LARGE_PAGE - 1) / LARGE_PAGE * LARGE_PAGE;
      unmap(start, aligned - start);
      long end = aligned + (bytes + PAGE - 1) / PAGE * PAGE;
      unmap(end, start + mapped - end);
      // Advice: a system without large pages refuses it, and the memory is as good as any.
      int ignored =
          (int) madvise.invokeExact(MemorySegment.ofAddress(aligned), bytes, MADV_HUGEPAGE);
      return aligned;
    } catch (Throwable failure) {
      throw new IllegalStateException("mmap could not be called: " + failure, failure);
    }
  }

  /**
   * Moves a part of {@link #allocate}'s memory, with what it holds, to where other such memory was,
   * which is gone then. Nothing is mapped at the old place afterwards.
   *
   * @param from start of a large page
   * @param to start of a large page
   * @param bytes a multiple of {@link #LARGE_PAGE}; both parts in one piece as they were allocated
   * @return whether the system did
   */
  public static boolean move(long from, long to, long bytes) {
    try {
      MemorySegment moved =
          (MemorySegment)
              mremap.invokeExact(
                  MemorySegment.ofAddress(from),
                  bytes,
                  bytes,
                  MREMAP_MAYMOVE_FIXED,
                  MemorySegment.ofAddress(to));
      return moved.address() == to;
    } catch (Throwable failure) {
      throw new IllegalStateException("mremap could not be called: " + failure, failure);
    }
  }

  /** Gives memory of {@link #allocate}, or a part of it that begins at a page, back. */
  public static void release(long address, long bytes) {
    try {
      unmap(address, bytes);
    } catch (Throwable failure) {
      throw new IllegalStateException("munmap could not be called: " + failure, failure);
    }
  }

  /**
   * Takes pages out of memory that nobody has written to since their file was mapped; whoever reads
   * them has them read again.
   *
   * @param address start of a page
   * @return whether the system did
   */
  static boolean forget(long address, long bytes) {
    try {
      return (int) madvise.invokeExact(MemorySegment.ofAddress(address), bytes, MADV_DONTNEED) == 0;
    } catch (Throwable failure) {
      throw new IllegalStateException("madvise could not be called: " + failure, failure);
    }
  }

  private static void unmap(long address, long bytes) throws Throwable {
    if (bytes > 0 && (int) munmap.invokeExact(MemorySegment.ofAddress(address), bytes) != 0) {
      throw new IllegalStateException(
          "munmap refused " + bytes + " bytes at 0x" + Long.toHexString(address));
    }
  }

  private static MethodHandle handle(String name, FunctionDescriptor descriptor) {
    Linker linker = Linker.nativeLinker();
    return linker.downcallHandle(linker.defaultLookup().findOrThrow(name), descriptor);
  }
}
