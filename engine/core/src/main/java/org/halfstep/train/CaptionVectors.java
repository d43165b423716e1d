package org.halfstep.train;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.halfstep.latent.TextVectors;

/**
 * The vectors of a data set's captions by their numbers, each computed when it is first asked for:
 * a text encoder that does not change gives the same every time.
 */
final class CaptionVectors {
  /** Bytes that are kept; vectors beyond that are computed each time. */
  private static final long MOST_BYTES = 1L << 30;

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
}
