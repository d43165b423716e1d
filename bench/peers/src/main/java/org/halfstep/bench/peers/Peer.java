package org.halfstep.bench.peers;

/** One network in one engine, with inputs of its own. */
interface Peer extends AutoCloseable {
  /** The engine and its version. */
  String engine();

  /** A forward pass, or a training step. */
  void run();

  /** What a forward pass makes, channels first. */
  float[] output();

  @Override
  void close();
}
