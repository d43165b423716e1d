package org.halfstep.sample;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.halfstep.checkpoint.BundledCheckpoint;
import org.halfstep.checkpoint.Checkpoint;
import org.halfstep.device.Device;
import org.halfstep.device.Devices;
import org.halfstep.diffusion.Solver;
import org.halfstep.image.ImageBatch;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.Quantization;
import org.halfstep.model.UNetConfig;

/**
 * A trained model, ready to make images: the engine's front door for programs.
 *
 * <pre>{@code
 * try (DiffusionModel model = DiffusionModel.bundled("fashion-mnist-4")) {
 *   ImageBatch images = model.sample(model.request(model.labels("Sneaker", "Coat")).withSeed(7));
 * }
 * try (DiffusionModel model = DiffusionModel.open(Path.of("sd15"))) {
 *   ImageBatch images = model.sample(model.request("a photograph of a fox").withSeed(7));
 * }
 * }</pre>
 *
 * <p>Thread-safe: requests run one after another, each on all of the model's threads. {@link
 * #close} waits for the request that is running. {@link #sample(SampleRequest, MemorySegment)} of a
 * model of pixels allocates nothing on the Java heap once a request of the same size, steps and
 * guidance has run.
 */
public final class DiffusionModel implements AutoCloseable {
  /** Sampler steps of a request to a pixel model that was not distilled for a number of its own. */
  public static final int DEFAULT_STEPS = 256;

  /** Guidance strength w of a request to a pixel model, unless the model's range lies elsewhere. */
  public static final double DEFAULT_GUIDANCE = 1;

  private static final Condition ONE_IMAGE = Condition.none(1);
  private static final long ALIGNMENT = 64;

  private final Device ownDevice;
  private final Pipeline pipeline;

  /** Of requests without one of their own: only an interrupt stops those. */
  private final Cancellation unstoppable = new Cancellation();

  private boolean closed;

  @FunctionalInterface
  private interface Loader {
    Pipeline load(Device device) throws IOException;
  }

  private DiffusionModel(ModelOptions options, Loader loader) throws IOException {
    ownDevice =
        options.device() == null ? Devices.open(Devices.standard(), options.ownDevice()) : null;
    try {
      pipeline = loader.load(ownDevice == null ? options.device() : ownDevice);
    } catch (IOException | RuntimeException | Error failure) {
      if (ownDevice != null) {
        ownDevice.close();
      }
      throw failure;
    }
  }

  /**
   * Opens a weights file that this engine wrote, or a latent model of other programs: a folder of
   * diffusers, or a single file. On a GPU where one works, else on the CPU.
   *
   * @throws IOException in one line with the file's name, when it cannot be read or is not a model
   */
  public static DiffusionModel open(Path path) throws IOException {
    return open(path, ModelOptions.standard());
  }

  /**
   * Opens a weights file that this engine wrote, or a latent model of other programs.
   *
   * @throws IOException in one line with the file's name, when it cannot be read or is not a model
   */
  public static DiffusionModel open(Path path, ModelOptions options) throws IOException {
    return new DiffusionModel(
        options,
        device ->
            Checkpoint.matches(path)
                ? new LatentPipeline(new LatentComponents(device, path, options), options)
                : pixels(BundledModels.open(device, path, options.memory()), options));
  }

  private static Pipeline pixels(Network<UNetConfig, ModelCard> network, ModelOptions options) {
    try {
      return new PixelPipeline(network, options);
    } catch (RuntimeException | Error failure) {
      network.close();
      throw failure;
    }
  }

  /**
   * Opens a model that comes with the engine, on a GPU where one works, else on the CPU.
   *
   * @param name one of {@link #bundledNames} or {@link #bundledLatentNames}
   * @throws IllegalArgumentException when there is none of this name
   */
  public static DiffusionModel bundled(String name) throws IOException {
    return bundled(name, ModelOptions.standard());
  }

  /**
   * Opens a model that comes with the engine.
   *
   * @param name one of {@link #bundledNames} or {@link #bundledLatentNames}
   * @throws IllegalArgumentException when there is none of this name
   */
  public static DiffusionModel bundled(String name, ModelOptions options) throws IOException {
    return new DiffusionModel(
        options,
        device ->
            bundledLatentNames().contains(name)
                ? new LatentPipeline(
                    new LatentComponents(device, BundledCheckpoint.open(name), options), options)
                : pixels(BundledModels.load(device, name, options.memory()), options));
  }

  /**
   * Names of the models of pixels that come with this build: the teacher first, then students of
   * fewer and fewer steps.
   */
  public static List<String> bundledNames() {
    return BundledModels.names();
  }

  /**
   * Names of the latent models of texts that come with this build: the teacher first, then students
   * of fewer and fewer steps, then what paints a part of a picture. They share one first stage and
   * one text encoder.
   */
  public static List<String> bundledLatentNames() {
    return BundledCheckpoint.names();
  }

  /**
   * A request as this model is best used: images 0, 1, … of seed 0, with the steps, the sampler and
   * the guidance that its kind is sampled with; a student's own where it has them.
   *
   * @param labels one class per image; for an unconditional model only the count matters
   */
  public SampleRequest request(int... labels) {
    return pipeline.request(Condition.labels(labels));
  }

  /**
   * A request as this model is best used, for images of texts.
   *
   * @param prompts one per image
   */
  public SampleRequest request(String... prompts) {
    return pipeline.request(Condition.prompts(prompts));
  }

  /** Sampler steps of a request as this model is best used. */
  public int defaultSteps() {
    return pipeline.request(ONE_IMAGE).steps();
  }

  /** The sampler of a request as this model is best used. */
  public Solver defaultSampler() {
    return pipeline.request(ONE_IMAGE).sampler();
  }

  /** The guidance strength w of a request as this model is best used. */
  public double defaultGuidance() {
    return pipeline.request(ONE_IMAGE).guidance();
  }

  /** A request as this model is best used. */
  public SampleRequest request(Condition condition) {
    return pipeline.request(condition);
  }

  /**
   * Makes images in memory of the caller's.
   *
   * @param destination float32 NHWC with values about [-1, 1]; at least {@code 4 * count *
   *     imageValues(request)} bytes, aligned to 4, on or off the heap
   * @throws IllegalArgumentException when the model does not take this request, in one line that
   *     says what it takes
   * @throws NotFiniteException when an image became NaN or infinite; the line names image and step
   * @throws IllegalStateException when the model is closed
   * @throws java.util.concurrent.CancellationException when this thread is interrupted
   */
  public void sample(SampleRequest request, MemorySegment destination) {
    pipeline.sample(request, destination, unstoppable, SampleProgress.NONE);
  }

  /**
   * Makes images in memory of the caller's, until it is stopped.
   *
   * @throws java.util.concurrent.CancellationException when it was; the destination then holds some
   *     of the images, or none
   */
  public void sample(SampleRequest request, MemorySegment destination, Cancellation cancellation) {
    pipeline.sample(request, destination, cancellation, SampleProgress.NONE);
  }

  /**
   * Makes images as 8-bit pixels: values outside [-1, 1] are clamped.
   *
   * @throws IllegalArgumentException when the model does not take this request, in one line that
   *     says what it takes
   * @throws IllegalStateException when the model is closed
   */
  public ImageBatch sample(SampleRequest request) {
    return sample(request, new Cancellation());
  }

  /**
   * Makes images as 8-bit pixels, until it is stopped.
   *
   * @throws java.util.concurrent.CancellationException when it was
   */
  public ImageBatch sample(SampleRequest request, Cancellation cancellation) {
    return sample(request, cancellation, SampleProgress.NONE);
  }

  /**
   * Makes images as 8-bit pixels, until it is stopped.
   *
   * @param progress is told of each step
   * @throws java.util.concurrent.CancellationException when it was
   */
  public ImageBatch sample(
      SampleRequest request, Cancellation cancellation, SampleProgress progress) {
    requireSupported(request);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment values =
          arena.allocate(Float.BYTES * request.count() * (long) imageValues(request), ALIGNMENT);
      pipeline.sample(request, values, cancellation, progress);
      return ImageBatch.ofNormalized(
          request.count(), height(request), width(request), channels(), values, 0);
    }
  }

  /** Makes ready what a request needs, so that the first one takes no longer than the next. */
  public void warmUp(SampleRequest request) {
    pipeline.warmUp(request);
  }

  /**
   * Fails, in one line that says what the model takes, when it does not take this request.
   *
   * @throws IllegalArgumentException if it does not
   */
  public void requireSupported(SampleRequest request) {
    pipeline.requireSupported(request);
  }

  /**
   * Network evaluations per image that a request costs: for a guided teacher two for each that its
   * sampler makes, else one.
   */
  public long evaluations(SampleRequest request) {
    return pipeline.evaluations(request);
  }

  /**
   * Where the steps of a request begin: with a picture, how far back its strength leads.
   *
   * @throws IllegalStateException in one line, for a model of pixels
   */
  public Beginning beginning(SampleRequest request) {
    if (pipeline instanceof LatentPipeline latent) {
      return latent.beginning(request);
    }
    throw new IllegalStateException("a model of pixels always begins with noise");
  }

  /** Rows of a request's images. */
  public int height(SampleRequest request) {
    return pipeline.height(request);
  }

  /** Columns of a request's images. */
  public int width(SampleRequest request) {
    return pipeline.width(request);
  }

  /** Channels of an image. */
  public int channels() {
    return pipeline.channels();
  }

  /** Numbers of one image of a request: height x width x channels. */
  public int imageValues(SampleRequest request) {
    return Math.multiplyExact(Math.multiplyExact(height(request), width(request)), channels());
  }

  /** Numbers of one image of a model of pixels: height x width x channels. */
  public int imageValues() {
    return config().imageSize() * config().imageSize() * config().inChannels();
  }

  /** Where it computes. */
  public Device device() {
    return pipeline.device();
  }

  /** What the model is and was trained on. */
  public ModelCard card() {
    return pipeline.card();
  }

  /** Whether it makes images of latents, by a first stage. */
  public boolean isLatent() {
    return pipeline instanceof LatentPipeline;
  }

  /** Whether it makes images of texts. */
  public boolean takesPrompts() {
    return pipeline.takesPrompts();
  }

  /** Whether it is a latent model that was made to paint a part of a picture. */
  public boolean isInpainting() {
    return pipeline instanceof LatentPipeline latent && latent.isInpainting();
  }

  /**
   * The file of a latent model's UNet, or the index of several.
   *
   * @throws IllegalStateException in one line, for a model of pixels
   */
  public Path weights() {
    if (pipeline instanceof LatentPipeline latent) {
      return latent.weights();
    }
    throw new IllegalStateException("a model of pixels is one file");
  }

  /** How an int8 model was made, of a latent one its UNet; nothing for another one. */
  public Optional<Quantization> quantization() {
    return pipeline.quantization();
  }

  /** Lines about what was chosen and passed over when the model was opened. */
  public List<String> notes() {
    return pipeline.notes();
  }

  /** Lines about what of the last request was not used, such as the end of a long prompt. */
  public List<String> notices() {
    return pipeline.notices();
  }

  /** What the parts of a latent model took in the last request; none for a model of pixels. */
  public List<ComponentUse> uses() {
    return pipeline.uses();
  }

  /**
   * The network's shape.
   *
   * @throws IllegalStateException in one line, for a latent model
   */
  public UNetConfig config() {
    return network().architecture();
  }

  /** Trained numbers in all networks. */
  public long parameters() {
    return pipeline.parameters();
  }

  /**
   * The network itself, for tools; it belongs to this model.
   *
   * @throws IllegalStateException in one line, for a latent model, which has several
   */
  public Network<UNetConfig, ModelCard> network() {
    if (pipeline instanceof PixelPipeline pixels) {
      return pixels.network();
    }
    throw new IllegalStateException("a latent model has several networks, none of them of pixels");
  }

  /**
   * Names of the classes; a label is an index into this list. Empty when the model's file names
   * none.
   */
  public List<String> classNames() {
    return card().classNames();
  }

  /**
   * Labels by class name or number, in the order given. A class's own name comes first; upper and
   * lower case are the same where that is unique, and a unique beginning of a name is enough. Where
   * all names are numbers, a number is a name.
   *
   * @throws IllegalArgumentException when a name is unknown or means several classes; names the
   *     classes
   */
  public int[] labels(String... names) {
    ClassLabels known = new ClassLabels(classNames(), classes());
    return Arrays.stream(names).mapToInt(known::of).toArray();
  }

  /** Number of classes; 1 for an unconditional model. */
  public int classes() {
    return pipeline.classes();
  }

  /** What stands behind it. */
  Pipeline pipeline() {
    return pipeline;
  }

  /** Waits for the request that is running, then frees all memory. Closing twice is harmless. */
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    pipeline.close();
    if (ownDevice != null) {
      ownDevice.close();
    }
  }
}
