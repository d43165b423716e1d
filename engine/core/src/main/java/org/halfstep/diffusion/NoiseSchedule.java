package org.halfstep.diffusion;

/**
 * A variance preserving noise schedule: {@code z_t = alpha(t) x + sigma(t) eps} with {@code alpha^2
 * + sigma^2 = 1}, time t from 0 (data) to 1 (noise).
 *
 * <p>Everything follows from the angle {@code phi(t)}, which rises from about 0 to about pi/2:
 * {@code alpha = cos phi}, {@code sigma = sin phi}, log-SNR {@code = -2 log tan phi} (Salimans and
 * Ho, "Progressive Distillation", 2022, section 2).
 */
public sealed interface NoiseSchedule
    permits NoiseSchedule.Cosine,
        NoiseSchedule.ClippedCosine,
        NoiseSchedule.TruncatedCosine,
        NoiseSchedule.ShiftedCosine,
        NoiseSchedule.Karras,
        DiscreteSchedule,
        InterpolatedSchedule {

  /** Largest magnitude of the log-SNR that pixel models are trained with. */
  double MAX_LOG_SNR = 20;

  /** What the public networks call one unit of time. */
  double TIME_UNITS = 1000;

  /**
   * The noise angle phi(t) in radians, 0 .. pi/2, rising with t.
   *
   * @param t time in 0 .. 1; other values are the caller's mistake and are not checked here
   */
  double angle(double t);

  /** Scale of the data in z_t. */
  default double alpha(double t) {
    return Math.cos(angle(t));
  }

  /** Scale of the noise in z_t. */
  default double sigma(double t) {
    return Math.sin(angle(t));
  }

  /** {@code log(alpha^2 / sigma^2)}, falling with t. */
  default double logSnr(double t) {
    return -2 * Math.log(Math.tan(angle(t)));
  }

  /**
   * The angle at which a sampling path stands at time t: {@link #angle} except that time 0 is
   * exactly the data, angle 0. A step that ends at time 0 thereby returns the predicted x itself,
   * as the samplers of Salimans and Ho do, and one that starts there (encoding) starts at the image
   * itself. With the log-SNR truncated to +-20 this differs from phi(0) by 4.5e-5.
   */
  default double pathAngle(double t) {
    return t == 0 ? 0 : angle(t);
  }

  /** Scale of the data where a sampling path stands at time t: 1 at time 0. */
  default double pathAlpha(double t) {
    return t == 0 ? 1 : alpha(t);
  }

  /** Scale of the noise where a sampling path stands at time t: 0 at time 0. */
  default double pathSigma(double t) {
    return t == 0 ? 0 : sigma(t);
  }

  /**
   * What a network is told of time t, in the units that its sinusoidal embedding was made for: 1000
   * t for a continuous schedule.
   *
   * <p>Salimans and Ho feed {@code 1000 phi(t) / (pi / 2)}. With the truncated cosine schedule that
   * differs from 1000 t by at most 0.03, and plain time makes the grid i/N exact.
   */
  default double timeInput(double t) {
    return TIME_UNITS * t;
  }

  /**
   * A time to train at, from a number uniform in (0, 1): that number itself for a continuous
   * schedule.
   */
  default double trainingTime(double uniform) {
    return uniform;
  }

  /** {@code alpha = cos(pi t / 2)}: log-SNR unbounded at both ends. */
  record Cosine() implements NoiseSchedule {
    @Override
    public double angle(double t) {
      return Math.PI / 2 * t;
    }
  }

  /**
   * The cosine schedule with its log-SNR clamped: flat at both ends, hence with repeated noise
   * levels there.
   *
   * @param maxLogSnr bound on the magnitude of the log-SNR, above 0
   */
  record ClippedCosine(double maxLogSnr) implements NoiseSchedule {
    public ClippedCosine {
      requireBound(maxLogSnr);
    }

    @Override
    public double angle(double t) {
      return Math.atan(Math.exp(-logSnr(t) / 2));
    }

    @Override
    public double alpha(double t) {
      return Math.sqrt(1 / (1 + Math.exp(-logSnr(t))));
    }

    @Override
    public double sigma(double t) {
      return Math.sqrt(1 / (1 + Math.exp(logSnr(t))));
    }

    @Override
    public double logSnr(double t) {
      return Math.clamp(-2 * Math.log(Math.tan(Math.PI / 2 * t)), -maxLogSnr, maxLogSnr);
    }
  }

  /**
   * The cosine schedule with its range of angles squeezed so that times 0 and 1 land on plus and
   * minus the bound. The angle stays linear in t: equal steps in time are equal rotations.
   *
   * @param maxLogSnr log-SNR at time 0, and minus that at time 1; above 0
   */
  record TruncatedCosine(double maxLogSnr) implements NoiseSchedule {
    public TruncatedCosine {
      requireBound(maxLogSnr);
    }

    @Override
    public double angle(double t) {
      double margin = margin();
      return margin + t * (Math.PI / 2 - 2 * margin);
    }

    // Near time 1 the complement is the small, exactly representable quantity; cos(angle) would
    // lose digits there.
    private double complement(double t) {
      return angle(1 - t);
    }

    @Override
    public double alpha(double t) {
      return Math.sin(complement(t));
    }

    @Override
    public double logSnr(double t) {
      return t <= 0.5 ? -2 * Math.log(Math.tan(angle(t))) : 2 * Math.log(Math.tan(complement(t)));
    }

    private double margin() {
      return Math.atan(Math.exp(-maxLogSnr / 2));
    }
  }

  /**
   * The truncated cosine schedule with its log-SNR shifted: the larger an image, the more noise
   * hides it at the same log-SNR, so that large ones want less of it (Hoogeboom et al., "simple
   * diffusion", 2023, section 3.1).
   *
   * @param maxLogSnr bound of the schedule that is shifted, above 0
   * @param shift added to the log-SNR at every time
   */
  record ShiftedCosine(double maxLogSnr, double shift) implements NoiseSchedule {
    /** Side of the images that are not shifted for. */
    public static final int UNSHIFTED_SIDE = 64;

    public ShiftedCosine {
      requireBound(maxLogSnr);
      if (!Double.isFinite(shift)) {
        throw new IllegalArgumentException("a shift must be finite, got " + shift);
      }
    }

    /** The shift for images of a side in pixels: {@code 2 log(64 / side)}. */
    public static double shiftFor(int side) {
      return 2 * Math.log((double) UNSHIFTED_SIDE / side);
    }

    @Override
    public double angle(double t) {
      return Math.atan(Math.exp(-logSnr(t) / 2));
    }

    @Override
    public double alpha(double t) {
      return Math.sqrt(1 / (1 + Math.exp(-logSnr(t))));
    }

    @Override
    public double logSnr(double t) {
      return new TruncatedCosine(maxLogSnr).logSnr(t) + shift;
    }
  }

  /**
   * What EDM's networks were trained with (Karras et al., "Elucidating the Design Space of
   * Diffusion-Based Generative Models", 2022), for data divided by its standard deviation: {@code
   * tan phi = sigma / sigmaData}. Their preconditioning is then this: the input is z, and the
   * output is -v. Time 0 is the least sigma, time 1 the greatest, the seventh roots evenly between
   * (equation 5), so that the grid i/N has the published steps.
   *
   * @param sigmaMin least noise of data as it is, above 0
   * @param sigmaMax greatest, above sigmaMin
   * @param sigmaData standard deviation of the data, above 0
   */
  record Karras(double sigmaMin, double sigmaMax, double sigmaData) implements NoiseSchedule {
    private static final double ROOT = 7;

    /** What the network is told of the noise: this times {@code log sigma}. */
    private static final double TIME_FACTOR = TIME_UNITS / 4;

    public Karras {
      if (!(sigmaMin > 0 && sigmaMax > sigmaMin && sigmaMax <= 1e6)) {
        throw new IllegalArgumentException(
            "sigmas must rise from above 0 to at most 1e6, got " + sigmaMin + " to " + sigmaMax);
      }
      if (!(sigmaData > 0 && sigmaData <= 1e6)) {
        throw new IllegalArgumentException(
            "the deviation of data must be above 0 and at most 1e6, got " + sigmaData);
      }
    }

    /** Noise of data as it is. */
    public double noise(double t) {
      double least = Math.pow(sigmaMin, 1 / ROOT);
      double greatest = Math.pow(sigmaMax, 1 / ROOT);
      return Math.pow(least + t * (greatest - least), ROOT);
    }

    @Override
    public double angle(double t) {
      return Math.atan2(noise(t), sigmaData);
    }

    @Override
    public double timeInput(double t) {
      return TIME_FACTOR * Math.log(noise(t));
    }
  }

  private static void requireBound(double maxLogSnr) {
    if (!(maxLogSnr > 0) || Double.isInfinite(maxLogSnr)) {
      throw new IllegalArgumentException(
          "the bound on the log-SNR must be finite and above 0, got " + maxLogSnr);
    }
  }
}
