package org.halfstep.bench.peers;

/**
 * What a network is written in for another engine. Each method adds an operation and answers with
 * the name of its result. Images are {@code [n, channels, side, side]}, embeddings {@code [n,
 * width]}; a layer's parameters are NAME.weight and NAME.bias, as in the checkpoint.
 */
interface Notation {
  /** cos and then sin of times by frequencies from 1 down to 1/10000. */
  String sinusoid(String times, int width);

  /** Rows of a table, by number. */
  String rows(String table, String numbers);

  String linear(String x, String name);

  /** With a stride of one; an odd kernel keeps the side. */
  String convolution(String x, String name, int kernel);

  /** In 32 groups, with eps 1e-5. */
  String groupNorm(String x, String name, int channels, int side);

  /** x (1 + scale) + shift, where scales and shifts are the halves of an embedding. */
  String modulated(String x, String embedding, int channels);

  String silu(String x);

  String add(String a, String b);

  /** Channels behind each other. */
  String concatenated(String a, String b);

  /** Averages of 2x2 pixels. */
  String halved(String x);

  /** Each pixel four times. */
  String doubled(String x);

  /**
   * softmax(q k^T / sqrt(head width)) v over pixels.
   *
   * @param qkv {@code [n, 3 channels, side, side]}: all heads' queries, then keys, then values
   */
  String attention(String qkv, int channels, int headChannels, int side);
}
