package org.halfstep.train;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Map;
import org.halfstep.graph.Parameter;
import org.halfstep.latent.TextVectors;
import org.halfstep.model.CaptionScorerConfig;
import org.halfstep.model.Network;

/**
 * The vectors of a data set's captions by their numbers, each computed when it is first asked for:
 * a text encoder that does not change gives the same every time.
 */
final class CaptionVectors {
  /** Bytes that are kept; vectors beyond that are computed each time. */
  private static final long MOST_BYTES = 1L << 30;

  /** Captions that say where texts' vectors lie. */
  private static final int MOST_FOR_CENTRE = 1024;

  /** What is added to the mean square, so that a single caption can be divided by it. */
  private static final double LEAST_SQUARE = 1e-12;

  private final TextVectors vectors;
  private final List<String> captions;
  private final int width;

  /** By caption; null where it was not asked for yet. */
  private final float[][] known;

  private final float[] passing;
  private final long most;
  private long kept;

  CaptionVectors(TextVectors vectors, List<String> captions) {
    this.vectors = vectors;
    this.captions = captions;
    this.width = vectors.width();
    this.known = new float[captions.size()][];
    this.passing = new float[width];
    this.most = MOST_BYTES / bytes();
  }

  /** Bytes of a vector, float32. */
  long bytes() {
    return (long) Float.BYTES * width;
  }

  /** Writes the vector of a caption. */
  void copy(int caption, MemorySegment destination, long byteOffset) {
    float[] vector = known[caption];
    if (vector == null) {
      vector = kept < most ? new float[width] : passing;
      vectors.write(captions.get(caption), vector, 0);
      if (vector != passing) {
        known[caption] = vector;
        kept++;
      }
    }
    MemorySegment.copy(vector, 0, destination, ValueLayout.JAVA_FLOAT, byteOffset, width);
  }

  /**
   * Begins a network's layer of texts so that embeddings point in all directions: texts' vectors
   * have most of their length in common, which its first bias takes away, and its first weights
   * bring what is left to a size of 1. A function of encoder and captions alone.
   *
   * @param network freshly initialised
   */
  static void centre(
      Network<CaptionScorerConfig, ?> network, TextVectors vectors, List<String> captions) {
    int width = vectors.width();
    int some = Math.min(MOST_FOR_CENTRE, captions.size());
    float[] all = new float[some * width];
    double[] mean = new double[width];
    for (int i = 0; i < some; i++) {
      vectors.write(captions.get((int) ((long) i * captions.size() / some)), all, i * width);
      for (int k = 0; k < width; k++) {
        mean[k] += (double) all[i * width + k] / some;
      }
    }
    double squares = LEAST_SQUARE;
    for (int i = 0; i < all.length; i++) {
      double difference = all[i] - mean[i % width];
      squares += difference * difference / all.length;
    }
    CaptionScorerConfig config = network.architecture();
    Map<String, Parameter> parameters = network.graph().parameters();
    Parameter weight = parameters.get(config.textWeight());
    Parameter bias = parameters.get(config.textBias());
    float[] weights = network.weights().get(weight);
    float[] biases = new float[config.embedding()];
    for (int d = 0; d < biases.length; d++) {
      double product = 0;
      for (int k = 0; k < width; k++) {
        weights[d * width + k] /= (float) Math.sqrt(squares);
        product += weights[d * width + k] * mean[k];
      }
      biases[d] = (float) -product;
    }
    network.weights().set(weight, weights);
    network.weights().set(bias, biases);
  }
}
