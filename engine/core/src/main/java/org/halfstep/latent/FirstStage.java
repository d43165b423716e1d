package org.halfstep.latent;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import org.halfstep.checkpoint.AutoencoderDescription;
import org.halfstep.checkpoint.Component;
import org.halfstep.checkpoint.TensorFiles;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.Owned;
import org.halfstep.image.ImageBatch;
import org.halfstep.safetensors.Tensors;

/**
 * Between images and the latents that a diffusion model works on: what pipelines use of a first
 * stage, whatever its kind.
 *
 * <p>Latents here are scaled, as the diffusion model sees them. Images and latents are float32 with
 * channels last, one after the other. Images are computed one at a time, so that memory is that of
 * one. A plan is kept for the last size of each direction; the same size again allocates nothing on
 * the Java heap, unless it is cut into tiles or noise is drawn. Thread-safe: requests run one after
 * another.
 */
public final class FirstStage implements AutoCloseable {
  /** Latents of this size decide how weights are packed, whatever is asked first. */
  static final int USUAL_SIDE = 64;

  private static final double HALF_RANGE = 127.5;

  /** Files, where they are its own, and both halves. */
  private final Owned owned;

  private final Device device;

  /** Null where there is none. */
  private final RunningHalf encoder;

  private final RunningHalf decoder;
  private final FirstStageSizes sizes;
  private LatentPreview preview;
  private boolean closed;

  /** A half with its tensors. */
  private record Source(FirstStageHalf half, Tensors tensors) {}

  /**
   * @param owned closed with this
   * @param encoding null for a first stage that only decodes
   */
  private FirstStage(
      Device device, Owned owned, Source encoding, Source decoding, FirstStageOptions options)
      throws IOException {
    this.device = device;
    this.owned = owned;
    DataType precision =
        options.precision() == null ? device.defaultPrecision() : options.precision();
    device.requirePrecision(precision);
    try {
      this.encoder = encoding == null ? null : owned.add(open(encoding, precision, options));
      this.decoder = owned.add(open(decoding, precision, options));
      this.sizes = new FirstStageSizes(decoding.half);
    } catch (IOException | RuntimeException | Error failure) {
      owned.close();
      throw failure;
    }
  }

  private RunningHalf open(Source source, DataType precision, FirstStageOptions options)
      throws IOException {
    return new RunningHalf(
        FirstStageHalf.open(device, source.half, source.tensors, options.limited()),
        precision,
        options.tiling());
  }

  /**
   * Opens the first stage of a checkpoint.
   *
   * @param component a first stage; its checkpoint stays the caller's and is closed after this
   * @throws IOException in one line, when its tensors are not those of its configuration, or not
   *     finite
   */
  public static FirstStage open(Device device, Component component, FirstStageOptions options)
      throws IOException {
    if (!(component.network() instanceof AutoencoderDescription network)) {
      throw new IllegalArgumentException(
          "expected the first stage of a checkpoint, got its " + component.part());
    }
    return new FirstStage(
        device,
        new Owned(),
        new Source(AutoencoderConfig.encoder(network, USUAL_SIDE, USUAL_SIDE), component.tensors()),
        new Source(AutoencoderConfig.decoder(network, USUAL_SIDE, USUAL_SIDE), component.tensors()),
        options);
  }

  /**
   * Opens a small first stage, TAESD, in diffusers' names or in those of its first program.
   *
   * @param encoder a file that has the encoder; null for none
   * @param decoder a file that has the decoder, which may be the same
   * @throws IOException in one line, when they are no such network
   */
  public static FirstStage openTiny(
      Device device, Path encoder, Path decoder, FirstStageOptions options) throws IOException {
    Owned files = new Owned();
    try {
      Source encoding = encoder == null ? null : tiny(Half.ENCODER, files, encoder);
      return new FirstStage(device, files, encoding, tiny(Half.DECODER, files, decoder), options);
    } catch (IOException | RuntimeException | Error failure) {
      files.close();
      throw failure;
    }
  }

  private static Source tiny(Half half, Owned files, Path path) throws IOException {
    Tensors tensors = files.add(TensorFiles.open(path));
    return new Source(TinyAutoencoderConfig.of(half, tensors, USUAL_SIDE, USUAL_SIDE), tensors);
  }

  // ---- Sizes

  /** Pixels of an image per pixel of a latent, in each direction. */
  public int factor() {
    return decoder.half().factor();
  }

  /** Channels of a latent. */
  public int latentChannels() {
    return decoder.half().latentChannels();
  }

  /** Channels of an image. */
  public int imageChannels() {
    return decoder.half().imageChannels();
  }

  /** Whether an image has a Gaussian over latents, and not a latent alone. */
  public boolean isGaussian() {
    return decoder.half().isGaussian();
  }

  /**
   * What a number of a latent is multiplied by before a diffusion model sees it.
   *
   * @throws IllegalStateException when this first stage has no encoder
   */
  public double scalingFactor() {
    requireEncoder();
    return encoder.half().out(1);
  }

  /**
   * Numbers of what {@link #moments} gives of an image.
   *
   * @param height of an image in pixels, a multiple of {@link #factor}
   * @param width of an image in pixels, a multiple of {@link #factor}
   */
  public long momentNumbers(int height, int width) {
    return sizes.moments(sizes.latentExtent(height, "height"), sizes.latentExtent(width, "width"));
  }

  // ---- Encoding

  /**
   * Encodes images.
   *
   * @param height of an image in pixels, a multiple of {@link #factor}
   * @param width of an image in pixels, a multiple of {@link #factor}
   * @param images float32 in [-1, 1], count x height x width x channels
   * @param draw which latent of each image is taken
   * @param latents float32, count x height / factor x width / factor x latent channels
   * @throws ArithmeticException in one line, when a latent is not finite
   * @throws IllegalStateException when this first stage has no encoder
   */
  public synchronized void encode(
      int count,
      int height,
      int width,
      MemorySegment images,
      LatentDraw draw,
      MemorySegment latents) {
    encode(count, count, height, width, images, draw, latents);
  }

  /**
   * Several latents of one image each, drawn from its Gaussian: image k gives the latents {@code k
   * drawn / count} and following.
   *
   * @param count of the images
   * @param drawn latents altogether, a multiple of that
   * @param height of an image in pixels, a multiple of {@link #factor}
   * @param width of an image in pixels, a multiple of {@link #factor}
   * @param images float32 in [-1, 1], count x height x width x channels
   * @param draw which latents are taken, numbered through
   * @param latents float32, drawn x height / factor x width / factor x latent channels
   */
  public synchronized void encode(
      int count,
      int drawn,
      int height,
      int width,
      MemorySegment images,
      LatentDraw draw,
      MemorySegment latents) {
    requireOpen();
    if (count == 0 ? drawn != 0 : drawn % count != 0) {
      throw new IllegalArgumentException(
          drawn + " latents are not as many of each of " + count + " images");
    }
    int rows = sizes.latentExtent(height, "height");
    int columns = sizes.latentExtent(width, "width");
    long image = sizes.image(rows, columns);
    long latent = sizes.latent(rows, columns);
    FirstStageSizes.require("images", count, image, images);
    FirstStageSizes.require("latents", drawn, latent, latents);
    requireEncoder();
    device.attach();
    FirstStageHalf half = encoder.half();
    float[] noise = draw.isMode() || !half.isGaussian() ? null : new float[(int) latent];
    MemorySegment result = null;
    for (int k = 0; k < drawn; k++) {
      int each = drawn / count;
      if (k % each == 0) {
        result = run(encoder, images, image * (k / each), rows, columns);
      }
      if (noise != null) {
        draw.noise().write(k, noise);
      }
      for (long i = 0; i < latent; i++) {
        double number =
            half.isGaussian()
                ? Posterior.latent(result, half.latentChannels(), i, noise)
                : result.getAtIndex(ValueLayout.JAVA_FLOAT, i);
        put(latents, latent * k + i, finite("encoder", k, half.out(number)));
      }
    }
  }

  /**
   * What latents of images are drawn from ({@link Posterior}): of every latent pixel the means of
   * its channels, then the logarithms of their variances, not scaled and not clamped. A first stage
   * without a Gaussian gives its latents, not scaled.
   *
   * @param images float32 in [-1, 1], count x height x width x channels
   * @param moments float32, count x {@link #momentNumbers}
   * @throws ArithmeticException in one line, when a number is not finite
   * @throws IllegalStateException when this first stage has no encoder
   */
  public synchronized void moments(
      int count, int height, int width, MemorySegment images, MemorySegment moments) {
    requireOpen();
    int rows = sizes.latentExtent(height, "height");
    int columns = sizes.latentExtent(width, "width");
    long image = sizes.image(rows, columns);
    long numbers = sizes.moments(rows, columns);
    FirstStageSizes.require("images", count, image, images);
    FirstStageSizes.require("moments", count, numbers, moments);
    requireEncoder();
    device.attach();
    for (int k = 0; k < count; k++) {
      MemorySegment result = run(encoder, images, image * k, rows, columns);
      for (long i = 0; i < numbers; i++) {
        double number = result.getAtIndex(ValueLayout.JAVA_FLOAT, i);
        put(moments, numbers * k + i, finite("encoder", k, number));
      }
    }
  }

  /**
   * Encodes images of 8 bits; 0 to 255 becomes -1 to 1.
   *
   * @throws IllegalArgumentException when their sides are not multiples of {@link #factor}, or they
   *     have other channels
   */
  public void encode(ImageBatch images, LatentDraw draw, MemorySegment latents) {
    encode(images, images.count(), draw, latents);
  }

  /**
   * Several latents of one image of 8 bits each.
   *
   * @param drawn latents altogether, a multiple of the number of images
   * @throws IllegalArgumentException as above
   */
  public void encode(ImageBatch images, int drawn, LatentDraw draw, MemorySegment latents) {
    if (images.channels() != imageChannels()) {
      throw new IllegalArgumentException(
          "this first stage takes images of "
              + imageChannels()
              + " channels, got "
              + images.channels());
    }
    byte[] pixels = images.pixels();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment numbers = arena.allocate((long) Float.BYTES * pixels.length, Float.BYTES);
      for (int i = 0; i < pixels.length; i++) {
        put(numbers, i, Byte.toUnsignedInt(pixels[i]) / HALF_RANGE - 1);
      }
      encode(images.count(), drawn, images.height(), images.width(), numbers, draw, latents);
    }
  }

  // ---- Decoding

  /**
   * Decodes latents.
   *
   * @param height of a latent
   * @param width of a latent
   * @param latents float32, count x height x width x latent channels
   * @param images float32 in [-1, 1], clamped, count x factor height x factor width x channels
   * @throws ArithmeticException in one line, when an image is not finite
   */
  public synchronized void decode(
      int count, int height, int width, MemorySegment latents, MemorySegment images) {
    requireOpen();
    long latent = sizes.latent(height, width);
    long image = sizes.image(height, width);
    FirstStageSizes.require("latents", count, latent, latents);
    FirstStageSizes.require("images", count, image, images);
    device.attach();
    FirstStageHalf half = decoder.half();
    for (int k = 0; k < count; k++) {
      MemorySegment result = run(decoder, latents, latent * k, height, width);
      for (long i = 0; i < image; i++) {
        double number = half.out(result.getAtIndex(ValueLayout.JAVA_FLOAT, i));
        put(images, image * k + i, Math.clamp(finite("decoder", k, number), -1, 1));
      }
    }
  }

  /**
   * Decodes latents to images of 8 bits: -1 to 1 becomes 0 to 255, clamped and rounded.
   *
   * @throws ArithmeticException in one line, when an image is not finite
   */
  public ImageBatch decode(int count, int height, int width, MemorySegment latents) {
    FirstStageSizes.require("latents", count, sizes.latent(height, width), latents);
    try (Arena arena = Arena.ofConfined()) {
      long bytes = Math.multiplyExact(count, Float.BYTES * sizes.image(height, width));
      MemorySegment numbers = arena.allocate(bytes, Float.BYTES);
      decode(count, height, width, latents, numbers);
      return ImageBatch.ofNormalized(
          count, factor() * height, factor() * width, imageChannels(), numbers, 0);
    }
  }

  /** Small pictures of latents by a linear map, which is fitted when it is first asked for. */
  public synchronized LatentPreview preview() {
    requireOpen();
    if (preview == null) {
      preview = LatentPreview.fit(this);
    }
    return preview;
  }

  // ---- Numbers

  private static void put(MemorySegment memory, long index, double number) {
    memory.set(ValueLayout.JAVA_FLOAT_UNALIGNED, Float.BYTES * index, (float) number);
  }

  private static double finite(String half, int k, double number) {
    if (!Double.isFinite(number)) {
      throw notFinite(half, k, number);
    }
    return number;
  }

  private static ArithmeticException notFinite(String half, int k, double number) {
    return new ArithmeticException(
        "the first stage's "
            + half
            + " made "
            + number
            + " of image "
            + k
            + ", expected finite numbers: what it was given is not finite, or its weights are"
            + " damaged");
  }

  // ---- Memory

  /**
   * Runs one image. Where it does not fit beside what was asked for before, that is given back
   * first.
   */
  private MemorySegment run(
      RunningHalf half, MemorySegment from, long first, int rows, int columns) {
    try {
      return half.run(from, first, rows, columns);
    } catch (OutOfMemoryError full) {
      release();
      return half.run(from, first, rows, columns);
    }
  }

  /**
   * Gives back plans and packed weights; the next request makes them again from the checkpoint's
   * files.
   */
  public synchronized void release() {
    if (encoder != null) {
      encoder.release();
    }
    decoder.release();
  }

  private void requireEncoder() {
    if (encoder == null) {
      throw new IllegalStateException("this first stage was opened without an encoder");
    }
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the first stage is closed");
    }
  }

  /** Waits for the request that is running. */
  @Override
  public synchronized void close() {
    closed = true;
    owned.close();
  }
}
