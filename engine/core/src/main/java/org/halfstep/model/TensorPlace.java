package org.halfstep.model;

/**
 * Where, in a file that another program wrote, the numbers of one parameter are, and in what form.
 * The first extent of a weight is its output channels.
 */
public sealed interface TensorPlace {
  /**
   * A tensor, or a part of one, that holds the parameter's numbers in its own order.
   *
   * <p>Extents of 1 at the end mean nothing: a parameter [o, i] is read from [o, i, 1, 1] and the
   * other way round. When written, the tensor gets {@code rank} extents.
   *
   * @param tensor name in the file
   * @param part which of {@code parts} equal parts along the tensor's first extent, from 0
   * @param parts 1 for a whole tensor, 3 for the rows of a fused query, key and value
   * @param transposed whether the file has [in, out] where the parameter has [out, in]
   * @param rank number of extents in the file; 0 for as many as the parameter has
   */
  record Stored(String tensor, int part, int parts, boolean transposed, int rank)
      implements TensorPlace {
    private static final int MAXIMUM_RANK = 8;

    public Stored {
      if (tensor.isEmpty()) {
        throw new IllegalArgumentException("a place needs the name of a tensor");
      }
      if (parts < 1 || part < 0 || part >= parts) {
        throw new IllegalArgumentException(
            "tensor " + tensor + " has no part " + part + " of " + parts + "; parts count from 0");
      }
      if (rank < 0 || rank > MAXIMUM_RANK) {
        throw new IllegalArgumentException(
            "tensor "
                + tensor
                + " cannot have "
                + rank
                + " extents, expected 0 to "
                + MAXIMUM_RANK);
      }
      if (transposed && parts > 1) {
        throw new IllegalArgumentException(
            "tensor " + tensor + ": a part of a transposed tensor is not contiguous");
      }
    }

    /** The place of a whole tensor in the parameter's own form. */
    public static Stored whole(String tensor) {
      return new Stored(tensor, 0, 1, false, 0);
    }

    /** One of equal parts along the first extent. */
    public Stored part(int newPart, int newParts) {
      return new Stored(tensor, newPart, newParts, transposed, rank);
    }

    /** A matrix that is stored the other way round. */
    public Stored transpose() {
      return new Stored(tensor, part, parts, !transposed, rank);
    }

    /** With that many extents when it is written. */
    public Stored ofRank(int newRank) {
      return new Stored(tensor, part, parts, transposed, newRank);
    }

    @Override
    public Stored under(String prefix) {
      return new Stored(prefix + tensor, part, parts, transposed, rank);
    }
  }

  /**
   * A convolution's weight times what the batch norm behind it multiplies with: {@code weight *
   * gain / sqrt(variance + eps)}, per output channel. Read only.
   */
  record ScaledByNorm(Stored weight, BatchNorm norm) implements TensorPlace {
    @Override
    public ScaledByNorm under(String prefix) {
      return new ScaledByNorm(weight.under(prefix), norm.under(prefix));
    }
  }

  /**
   * What the batch norm behind a convolution without bias adds: {@code offset - mean * gain /
   * sqrt(variance + eps)}. Read only.
   */
  record ShiftOfNorm(BatchNorm norm) implements TensorPlace {
    @Override
    public ShiftOfNorm under(String prefix) {
      return new ShiftOfNorm(norm.under(prefix));
    }
  }

  /**
   * A batch norm with its running statistics: the tensors NAME.weight, NAME.bias, NAME.running_mean
   * and NAME.running_var.
   *
   * @param name without the point
   * @param eps added to the variance, above 0
   */
  record BatchNorm(String name, double eps) {
    public BatchNorm {
      if (!(eps > 0)) {
        throw new IllegalArgumentException(
            "batch norm " + name + ": eps must be above 0, got " + eps);
      }
    }

    BatchNorm under(String prefix) {
      return new BatchNorm(prefix + name, eps);
    }
  }

  /** The same with a prefix before every name. */
  TensorPlace under(String prefix);
}
