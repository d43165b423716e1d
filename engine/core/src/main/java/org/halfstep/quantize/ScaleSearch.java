package org.halfstep.quantize;

import java.util.List;
import org.halfstep.model.LayerScales;

/**
 * Scales with the least squared error: values beyond a limit are clipped, so that the steps for all
 * others are finer. Limits are tried as fractions of the extremes.
 */
final class ScaleSearch {
  private static final double[] FRACTIONS = {
    1, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55, 0.5, 0.45, 0.4, 0.35, 0.3
  };

  /** Weights of one channel are few, so that clipping gains less. */
  private static final int WEIGHT_FRACTIONS = 9;

  private ScaleSearch() {}

  /**
   * Scale and zero point of an activation.
   *
   * @param scale above 0
   * @param zeroPoint the byte of 0, in 0..255
   */
  record ByteRange(float scale, int zeroPoint) {
    /** The error of a value, its byte rounded as the kernels do. */
    double error(double value) {
      double q =
          Math.clamp(Math.floor(value / scale + zeroPoint + 0.5), 0, LayerScales.LARGEST_INPUT);
      return (q - zeroPoint) * scale - value;
    }
  }

  /** The range of bytes for the values of one or more histograms. */
  static ByteRange activations(List<ValueHistogram> values) {
    double low = 0;
    double high = 0;
    for (ValueHistogram each : values) {
      low = Math.min(each.smallest(), low);
      high = Math.max(each.largest(), high);
    }
    if (low == high) {
      return new ByteRange(1, 0);
    }
    ByteRange best = null;
    double least = Double.POSITIVE_INFINITY;
    for (double below : low == 0 ? new double[] {1} : FRACTIONS) {
      for (double above : high == 0 ? new double[] {1} : FRACTIONS) {
        ByteRange range = range(below * low, above * high);
        double error = 0;
        for (ValueHistogram each : values) {
          error += error(each, range, least - error);
        }
        if (error < least) {
          least = error;
          best = range;
        }
      }
    }
    return best;
  }

  private static ByteRange range(double low, double high) {
    float scale = (float) ((high - low) / LayerScales.LARGEST_INPUT);
    return new ByteRange(scale, (int) Math.round(-low / scale));
  }

  private static double error(ValueHistogram values, ByteRange range, double enough) {
    double sum = 0;
    for (int bin = 0; bin < values.bins() && sum < enough; bin++) {
      if (values.count(bin) != 0) {
        double error = range.error(values.middle(bin));
        sum += values.count(bin) * error * error;
      }
    }
    return sum;
  }

  /**
   * One scale per output channel of a weight.
   *
   * @param weight OIHW
   */
  static float[] weights(float[] weight, int outputChannels) {
    int each = weight.length / outputChannels;
    float[] scales = new float[outputChannels];
    for (int channel = 0; channel < outputChannels; channel++) {
      scales[channel] = weights(weight, channel * each, each);
    }
    return scales;
  }

  private static float weights(float[] weight, int from, int count) {
    float largest = 0;
    for (int i = from; i < from + count; i++) {
      largest = Math.max(largest, Math.abs(weight[i]));
    }
    if (largest == 0) {
      return 1;
    }
    float best = 0;
    double least = Double.POSITIVE_INFINITY;
    for (int fraction = 0; fraction < WEIGHT_FRACTIONS; fraction++) {
      float scale = (float) (FRACTIONS[fraction] * largest / LayerScales.LARGEST_WEIGHT);
      double error = 0;
      for (int i = from; i < from + count; i++) {
        double step = LayerScales.weightByte(weight[i], scale) * (double) scale - weight[i];
        error += step * step;
      }
      if (error < least) {
        least = error;
        best = scale;
      }
    }
    return best;
  }
}
