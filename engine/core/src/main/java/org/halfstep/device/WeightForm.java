package org.halfstep.device;

/** What a convolution reads of its weight. Of one algorithm, all forms make the same bits. */
public enum WeightForm {
  /** In the order that it is read in; Winograd's transformed. */
  PACKED,
  /** Winograd's in the order that they are read in, and transformed whenever they are used. */
  TAPS,
  /** Where the file is mapped, and brought into order whenever it is used: nothing is packed. */
  STORED
}
