package org.halfstep.latent;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Map;
import org.halfstep.files.DataException;
import org.halfstep.files.FileDigest;
import org.halfstep.random.Philox;
import org.halfstep.safetensors.Dtype;
import org.halfstep.safetensors.SafetensorsFile;
import org.halfstep.safetensors.TensorView;

/**
 * What a first stage's encoder says of every picture of a dataset and of its mirror image, kept in
 * one file, so that training never encodes: mean and logarithm of the variance of each number of a
 * latent, in float16. A latent is drawn from them anew each time. A cache is one of a first stage,
 * with its scaling, and of pictures, in their size: with others it is refused. Source:
 * specification 6.5.
 *
 * <p>The file stays mapped. Reading allocates nothing, and any thread may read.
 */
public final class LatentCache implements AutoCloseable {
  static final String FORMAT = "halfstep-latents-1";
  static final String MOMENTS = "moments";

  /** Of each picture: itself and its mirror image. */
  static final int VIEWS = 2;

  private static final int AXES = 5;
  private static final ValueLayout.OfShort F16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /**
   * What a cache is of.
   *
   * @param autoencoder SHA-256 of the first stage's tensors, in hexadecimal
   * @param scaling what a latent is multiplied by before a diffusion model sees it
   * @param isGaussian whether latents are drawn, and not given
   * @param pictures SHA-256 of the pictures, in hexadecimal
   */
  public record Origin(String autoencoder, double scaling, boolean isGaussian, String pictures) {
    Map<String, String> metadata() {
      return Map.of(
          "format", FORMAT,
          "autoencoder", autoencoder,
          "scaling_factor", Double.toString(scaling),
          "gaussian", Boolean.toString(isGaussian),
          "pictures", pictures);
    }

    /** Refuses a file that is another cache. */
    private void require(SafetensorsFile file) throws DataException {
      Map<String, String> found = file.metadata();
      if (!FORMAT.equals(found.get("format"))) {
        throw new DataException(file.path(), "is no file of latents: expected " + FORMAT);
      }
      for (Map.Entry<String, String> fact : metadata().entrySet()) {
        String said = found.get(fact.getKey());
        if (!fact.getValue().equals(said)) {
          throw new DataException(
              file.path(),
              "holds latents of other "
                  + (fact.getKey().equals("pictures") ? "pictures" : "weights of a first stage")
                  + " ("
                  + fact.getKey()
                  + " "
                  + said
                  + ", not "
                  + fact.getValue()
                  + "): delete it to have it made again, or use another folder");
        }
      }
    }
  }

  private final SafetensorsFile file;
  private final MemorySegment moments;
  private final Origin origin;
  private final int count;
  private final int height;
  private final int width;
  private final int channels;
  private final String sha256;

  private LatentCache(SafetensorsFile file, TensorView moments, Origin origin, String sha256) {
    long[] shape = moments.shape();
    this.file = file;
    this.moments = moments.data();
    this.origin = origin;
    this.count = Math.toIntExact(shape[0]);
    this.height = Math.toIntExact(shape[2]);
    this.width = Math.toIntExact(shape[3]);
    this.channels = Math.toIntExact(origin.isGaussian() ? shape[4] / 2 : shape[4]);
    this.sha256 = sha256;
  }

  /**
   * Opens a cache.
   *
   * @param origin what it must be of
   * @throws DataException in one line, when it is of something else, or damaged
   */
  public static LatentCache open(Path path, Origin origin) throws IOException {
    SafetensorsFile file = SafetensorsFile.open(path);
    try {
      origin.require(file);
      TensorView moments =
          file.find(MOMENTS).orElseThrow(() -> new DataException(path, "has no tensor " + MOMENTS));
      long[] shape = moments.shape();
      if (moments.dtype() != Dtype.F16
          || shape.length != AXES
          || shape[0] < 1
          || shape[0] > Integer.MAX_VALUE
          || shape[1] != VIEWS
          || moments.elements() == 0
          || (origin.isGaussian() && shape[AXES - 1] % 2 != 0)
          || moments.elements() / shape[0] > Integer.MAX_VALUE) {
        throw new DataException(
            path,
            moments
                + ": expected F16, pictures x "
                + VIEWS
                + " x height x width x channels"
                + (origin.isGaussian() ? " of means and logarithms of variances" : ""));
      }
      long broken = moments.firstNotFinite();
      if (broken >= 0) {
        throw new DataException(
            path, moments + " is not finite at " + broken + ": delete it to have it made again");
      }
      return new LatentCache(file, moments, origin, FileDigest.sha256(path));
    } catch (IOException | RuntimeException failure) {
      file.close();
      throw failure;
    }
  }

  /** Number of pictures. */
  public int count() {
    return count;
  }

  /** Rows of a latent. */
  public int height() {
    return height;
  }

  /** Columns of a latent. */
  public int width() {
    return width;
  }

  /** Channels of a latent. */
  public int channels() {
    return channels;
  }

  /** Numbers of a latent. */
  public int latentValues() {
    return height * width * channels;
  }

  /** What a latent was multiplied by. */
  public double scalingFactor() {
    return origin.scaling();
  }

  /** What it is of. */
  public Origin origin() {
    return origin;
  }

  /** SHA-256 of the file, in hexadecimal: a run goes on with the same latents only. */
  public String sha256() {
    return sha256;
  }

  /**
   * Writes a latent of a picture as a diffusion model sees it: drawn from the picture's Gaussian
   * with the noise of an example, and scaled. The same picture, seed and example give the same bits
   * as {@link FirstStage#encode} with that draw, but for what float16 rounds.
   *
   * @param index the picture
   * @param mirrored whether its mirror image is meant
   * @param seed of the noise
   * @param example number in the sequence of that seed
   * @param destination where to write {@code 4 * latentValues()} bytes, float32
   * @param byteOffset offset of the first of them
   */
  public void write(
      int index,
      boolean mirrored,
      long seed,
      long example,
      MemorySegment destination,
      long byteOffset) {
    int values = latentValues();
    int perPixel = origin.isGaussian() ? 2 * channels : channels;
    long first = ((long) index * VIEWS + (mirrored ? 1 : 0)) * height * width * perPixel;
    for (int element = 0; element < values; element++) {
      long mean = first + (long) element / channels * perPixel + element % channels;
      double number = moment(mean);
      if (origin.isGaussian()) {
        number +=
            Posterior.deviation(moment(mean + channels))
                * Philox.normal(seed, example, Posterior.DRAW, element);
      }
      destination.set(
          ValueLayout.JAVA_FLOAT_UNALIGNED,
          byteOffset + (long) Float.BYTES * element,
          (float) (number * origin.scaling()));
    }
  }

  private double moment(long index) {
    return Float.float16ToFloat(moments.get(F16, index * Short.BYTES));
  }

  /** Unmaps the file. */
  @Override
  public void close() {
    file.close();
  }
}
