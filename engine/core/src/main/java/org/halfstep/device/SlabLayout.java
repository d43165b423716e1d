package org.halfstep.device;

/**
 * Several small things in one slab: they are named one after the other, then the slab is allocated,
 * and each has its address, aligned to {@value #ALIGNMENT} bytes.
 */
public final class SlabLayout {
  /** What every part begins at a multiple of, in bytes. */
  public static final long ALIGNMENT = 64;

  /** One of the things. */
  public final class Part {
    private final long offset;
    private final long bytes;

    private Part(long offset, long bytes) {
      this.offset = offset;
      this.bytes = bytes;
    }

    /** Bytes asked for. */
    public long bytes() {
      return bytes;
    }

    /**
     * Device address.
     *
     * @throws IllegalStateException before the slab is allocated
     */
    public long address() {
      if (slab == null) {
        throw new IllegalStateException("a part of a slab has no address before it is allocated");
      }
      return slab.address() + offset;
    }

    /** A view of it for the host, closed by the caller. */
    public HostView window() {
      return device.view(address(), bytes);
    }
  }

  private Device device;
  private Slab slab;
  private long size;

  /** Room for int32 numbers. */
  public Part ints(long count) {
    return bytes(Integer.BYTES * count);
  }

  /** Room for int64 numbers. */
  public Part longs(long count) {
    return bytes(Long.BYTES * count);
  }

  /** Room for float32 numbers. */
  public Part floats(long count) {
    return bytes(Float.BYTES * count);
  }

  /** Room for float64 numbers. */
  public Part doubles(long count) {
    return bytes(Double.BYTES * count);
  }

  /**
   * Room for what is measured in bytes.
   *
   * @throws IllegalStateException once the slab is allocated
   */
  public Part bytes(long bytes) {
    if (slab != null) {
      throw new IllegalStateException("a slab that is allocated does not grow");
    }
    Part part = new Part(size, bytes);
    size += Math.ceilDiv(bytes, ALIGNMENT) * ALIGNMENT;
    return part;
  }

  /**
   * Allocates the slab, zeroed; closed by the caller.
   *
   * @param purpose what it is for, used in error texts and leak reports
   */
  public Slab allocate(Device from, String purpose) {
    if (slab != null) {
      throw new IllegalStateException(purpose + ": this layout has its slab");
    }
    device = from;
    slab = from.allocate(purpose, size);
    return slab;
  }
}
