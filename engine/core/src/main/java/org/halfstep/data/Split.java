package org.halfstep.data;

/** Which part of a dataset to open. */
public enum Split {
  TRAIN,
  TEST
}
