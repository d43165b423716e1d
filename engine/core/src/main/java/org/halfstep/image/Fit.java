package org.halfstep.image;

/** How a picture of another shape becomes one of the shape that is wanted. */
public enum Fit {
  /** The largest centred part of the wanted shape is cut out. */
  CROP,
  /** The whole picture, with black bars. */
  PAD,
  /** The whole picture, stretched. */
  SQUEEZE
}
