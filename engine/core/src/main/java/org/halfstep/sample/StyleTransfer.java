package org.halfstep.sample;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.halfstep.diffusion.Solver;
import org.halfstep.image.ImageBatch;
import org.halfstep.model.ModelCard;

/**
 * Pictures of one kind made into pictures of another (Meng et al., 2023, section 5.4; Su et al.,
 * "Dual Diffusion Implicit Bridges", 2023): each is taken to the noise that gives it under what it
 * shows, at w = 0, and an image of something else is made from that noise. Encoder and decoder are
 * distilled for a few steps each, or a teacher is run both ways (DDIM).
 *
 * <pre>{@code
 * StyleTransfer transfer = StyleTransfer.of(encoder, decoder);
 * Condition from = Condition.labels(decoder.labels("Sneaker"));
 * Condition to = Condition.labels(decoder.labels("Ankle boot"));
 * ImageBatch boots = transfer.run(sneakers, from, to, new Cancellation()).made();
 * }</pre>
 *
 * @param encoder stays the caller's
 * @param encoderSteps its own where it was distilled for a number of them
 * @param decoder stays the caller's; may be the same as the encoder
 * @param decoderSteps its own where it was distilled for a number of them
 * @param guidance strength w of the images that are made
 */
public record StyleTransfer(
    DiffusionModel encoder,
    int encoderSteps,
    DiffusionModel decoder,
    int decoderSteps,
    double guidance) {
  /** Steps each way of models that have no number of their own: those of the paper's figure. */
  public static final int DEFAULT_STEPS = 16;

  private static final Condition ONE_IMAGE = Condition.none(1);

  /** A time at which different noise schedules differ. */
  private static final double MIDDLE = 0.5;

  /**
   * What was made of pictures.
   *
   * @param made the same layouts, showing something else
   * @param back what the noise gives under what the pictures show: with encoder and decoder of no
   *     error, the pictures themselves
   * @param plain what becomes of the pictures without any step: the pictures themselves, or what
   *     the first stage of a latent model makes of them
   * @param latentError root mean square, over all pictures, of the difference between what the
   *     encoder begins with and what {@code back} was decoded from, in the network's units
   */
  public record Result(ImageBatch made, ImageBatch back, ImageBatch plain, double latentError) {}

  /**
   * @throws IllegalArgumentException in one line, where the two models do not go together, or are
   *     not made for these steps or this guidance
   */
  public StyleTransfer {
    ModelCard from = encoder.card();
    ModelCard to = decoder.card();
    if (encoder.isLatent() != decoder.isLatent()
        || encoder.takesPrompts() != decoder.takesPrompts()
        || encoder.channels() != decoder.channels()
        || codes(encoder) != codes(decoder)
        || !from.noiseSchedule().getClass().equals(to.noiseSchedule().getClass())
        || from.noiseSchedule().angle(MIDDLE) != to.noiseSchedule().angle(MIDDLE)) {
      throw new IllegalArgumentException(
          "encoder and decoder are models of different images or noise schedules: both must be"
              + " distilled from one teacher, or be one model");
    }
    if (encoder.classes() != decoder.classes() || !from.classNames().equals(to.classNames())) {
      throw new IllegalArgumentException(
          "encoder and decoder know different classes: both must be distilled from one teacher");
    }
  }

  private static int codes(DiffusionModel model) {
    return model.pipeline().codeValues(model.request(ONE_IMAGE));
  }

  /**
   * With the steps that the models were made for, else {@value #DEFAULT_STEPS}, and the least w.
   */
  public static StyleTransfer of(DiffusionModel encoder, DiffusionModel decoder) {
    return new StyleTransfer(encoder, steps(encoder), decoder, steps(decoder), leastOf(decoder));
  }

  private static int steps(DiffusionModel model) {
    return model.card().hasOwnSteps() ? model.card().steps() : DEFAULT_STEPS;
  }

  private static double leastOf(DiffusionModel decoder) {
    return decoder.card().takesGuidance() ? decoder.card().guidanceMin() : 0;
  }

  /** The same with so many steps of those models that have no number of their own. */
  public StyleTransfer withSteps(int steps) {
    return new StyleTransfer(
        encoder,
        encoder.card().hasOwnSteps() ? encoderSteps : steps,
        decoder,
        decoder.card().hasOwnSteps() ? decoderSteps : steps,
        guidance);
  }

  /** The same with another guidance strength w of what is made. */
  public StyleTransfer withGuidance(double w) {
    return new StyleTransfer(encoder, encoderSteps, decoder, decoderSteps, w);
  }

  /** The guidance strength w at which pictures are brought back: 0, or the least that there is. */
  public double backGuidance() {
    return leastOf(decoder);
  }

  /** Network evaluations for each picture that is made of another one. */
  public long evaluations() {
    SampleRequest way = decoding(ONE_IMAGE, guidance, 0, 0);
    return encoderSteps
        + (long) way.sampler().evaluations(decoderSteps) * Denoiser.branches(decoder.card(), way);
  }

  /**
   * Takes pictures to their noise, and makes of it what is asked for, and the pictures again.
   *
   * @param pictures of the models' size; of latent models of any that they take
   * @param from what each picture shows
   * @param to what each image is to show
   * @param cancellation stops it
   * @throws IllegalArgumentException in one line, when the models do not take this
   * @throws java.util.concurrent.CancellationException when it was stopped
   */
  public Result run(ImageBatch pictures, Condition from, Condition to, Cancellation cancellation) {
    if (from.count() != pictures.count() || to.count() != pictures.count()) {
      throw new IllegalArgumentException(
          pictures.count()
              + " pictures need as many conditions, got "
              + from.count()
              + " of what they show and "
              + to.count()
              + " of what is made of them");
    }
    int height = encoder.isLatent() ? pictures.height() : 0;
    int width = encoder.isLatent() ? pictures.width() : 0;
    SampleRequest encoding =
        encoder
            .request(from)
            .withSampler(Solver.DDIM)
            .withSteps(encoderSteps)
            .withGuidance(0)
            .withClip(false)
            .withSize(height, width);
    requireSize(pictures, encoding);
    SampleRequest making = decoding(to, guidance, height, width);
    SampleRequest returning = decoding(from, backGuidance(), height, width);
    decoder.requireSupported(making);
    decoder.requireSupported(returning);
    try (Arena arena = Arena.ofConfined()) {
      long codeBytes =
          (long) Float.BYTES * pictures.count() * encoder.pipeline().codeValues(encoding);
      MemorySegment codes = arena.allocate(codeBytes, Long.BYTES);
      MemorySegment clean = arena.allocate(codeBytes, Long.BYTES);
      MemorySegment back = arena.allocate(codeBytes, Long.BYTES);
      MemorySegment values =
          arena.allocate((long) Float.BYTES * pictures.pixels().length, Long.BYTES);
      Pipeline towards = encoder.pipeline();
      towards.encode(encoding, pictures, codes, cancellation, SampleProgress.NONE);
      towards.reconstruct(encoding, pictures, clean, values);
      ImageBatch plain = batch(pictures, values);
      Pipeline onwards = decoder.pipeline();
      onwards.decode(making, codes, back, values, cancellation, SampleProgress.NONE);
      ImageBatch made = batch(pictures, values);
      onwards.decode(returning, codes, back, values, cancellation, SampleProgress.NONE);
      return new Result(made, batch(pictures, values), plain, error(clean, back));
    }
  }

  private SampleRequest decoding(Condition shows, double w, int height, int width) {
    return decoder
        .request(shows)
        .withSampler(decoder.card().solver())
        .withSteps(decoderSteps)
        .withGuidance(w)
        .withSize(height, width);
  }

  private void requireSize(ImageBatch pictures, SampleRequest encoding) {
    if (pictures.height() != encoder.height(encoding)
        || pictures.width() != encoder.width(encoding)
        || pictures.channels() != encoder.channels()) {
      throw new IllegalArgumentException(
          "the encoder takes pictures of "
              + encoder.width(encoding)
              + "x"
              + encoder.height(encoding)
              + "x"
              + encoder.channels()
              + ", got "
              + pictures.width()
              + "x"
              + pictures.height()
              + "x"
              + pictures.channels());
    }
  }

  private static ImageBatch batch(ImageBatch like, MemorySegment values) {
    return ImageBatch.ofNormalized(
        like.count(), like.height(), like.width(), like.channels(), values, 0);
  }

  private static double error(MemorySegment a, MemorySegment b) {
    long count = a.byteSize() / Float.BYTES;
    double squares = 0;
    for (long i = 0; i < count; i++) {
      double difference =
          (double) a.getAtIndex(ValueLayout.JAVA_FLOAT, i)
              - b.getAtIndex(ValueLayout.JAVA_FLOAT, i);
      squares += difference * difference;
    }
    return Math.sqrt(squares / count);
  }
}
