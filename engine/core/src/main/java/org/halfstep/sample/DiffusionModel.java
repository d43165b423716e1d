package org.halfstep.sample;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.halfstep.data.ClassNames;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.Devices;
import org.halfstep.diffusion.Solver;
import org.halfstep.files.Printable;
import org.halfstep.image.ImageBatch;
import org.halfstep.model.ModelCard;
import org.halfstep.model.ModelCard.Role;
import org.halfstep.model.Network;
import org.halfstep.model.UNetConfig;

/**
 * A trained model, ready to make images: the engine's front door for programs.
 *
 * <pre>{@code
 * try (DiffusionModel model = DiffusionModel.bundled("fashion-mnist-4")) {
 *   ImageBatch images = model.sample(model.request(model.labels("Sneaker", "Coat")).withSeed(7));
 * }
 * }</pre>
 *
 * <p>Thread-safe: requests run one after another, each on all of the model's threads. {@link
 * #close} waits for the request that is running. {@link #sample(SampleRequest, MemorySegment)}
 * allocates nothing on the Java heap once a request of the same size, steps and guidance has run.
 */
public final class DiffusionModel implements AutoCloseable {
  /** Sampler steps of a request to a model that was not distilled for a number of its own. */
  public static final int DEFAULT_STEPS = 256;

  /** Guidance strength w of a request, unless the model's range lies elsewhere. */
  public static final double DEFAULT_GUIDANCE = 1;

  private static final long ALIGNMENT = 64;

  private final Device ownDevice;
  private final Network<UNetConfig, ModelCard> network;
  private final Sampler sampler;
  private boolean closed;

  @FunctionalInterface
  private interface Loader {
    Network<UNetConfig, ModelCard> load(Device device) throws IOException;
  }

  private DiffusionModel(ModelOptions options, Loader loader) throws IOException {
    ownDevice =
        options.device() == null ? Devices.open(Devices.standard(), options.ownDevice()) : null;
    Network<UNetConfig, ModelCard> loaded = null;
    try {
      Device device = ownDevice == null ? options.device() : ownDevice;
      loaded = loader.load(device);
      network = loaded;
      DataType precision =
          options.precision() == null ? device.defaultPrecision() : options.precision();
      sampler = new Sampler(network, options.maxBatch(), precision);
    } catch (IOException | RuntimeException | Error failure) {
      if (loaded != null) {
        loaded.close();
      }
      if (ownDevice != null) {
        ownDevice.close();
      }
      throw failure;
    }
  }

  /**
   * Opens a weights file that this engine wrote, on a GPU where one works, else on the CPU.
   *
   * @throws IOException when it cannot be read or is no model; one line with the file's name
   */
  public static DiffusionModel open(Path file) throws IOException {
    return open(file, ModelOptions.standard());
  }

  /**
   * Opens a weights file that this engine wrote.
   *
   * @throws IOException when it cannot be read or is no model; one line with the file's name
   */
  public static DiffusionModel open(Path file, ModelOptions options) throws IOException {
    return new DiffusionModel(
        options, device -> BundledModels.open(device, file, options.memory()));
  }

  /**
   * Opens a model that comes with the engine, on a GPU where one works, else on the CPU.
   *
   * @param name one of {@link #bundledNames}
   * @throws IllegalArgumentException when there is none of this name
   */
  public static DiffusionModel bundled(String name) throws IOException {
    return bundled(name, ModelOptions.standard());
  }

  /**
   * Opens a model that comes with the engine.
   *
   * @param name one of {@link #bundledNames}
   * @throws IllegalArgumentException when there is none of this name
   */
  public static DiffusionModel bundled(String name, ModelOptions options) throws IOException {
    return new DiffusionModel(
        options, device -> BundledModels.load(device, name, options.memory()));
  }

  /**
   * Names of the models that come with this build: the teacher first, then students of fewer and
   * fewer steps.
   */
  public static List<String> bundledNames() {
    return BundledModels.names();
  }

  /**
   * A request as this model is best used: images 0, 1, … of seed 0, with a student's own steps and
   * sampler, {@value #DEFAULT_STEPS} DDIM steps otherwise, and guidance {@link #defaultGuidance}.
   *
   * @param labels one class per image; for an unconditional model only the count matters
   */
  public SampleRequest request(int... labels) {
    return SampleRequest.of(labels, 0, defaultGuidance(), defaultSteps())
        .withSampler(defaultSampler());
  }

  /** The steps that a student was distilled for, {@value #DEFAULT_STEPS} for other models. */
  public int defaultSteps() {
    return card().role() == Role.STUDENT ? card().steps() : DEFAULT_STEPS;
  }

  /** The sampler that a student was distilled for, DDIM for other models. */
  public Solver defaultSampler() {
    return card().solver();
  }

  /** {@value #DEFAULT_GUIDANCE}, or the nearest strength that the model takes. */
  public double defaultGuidance() {
    if (card().role() == Role.TEACHER) {
      return config().nullLabel() ? DEFAULT_GUIDANCE : 0;
    }
    return Math.clamp(DEFAULT_GUIDANCE, card().guidanceMin(), card().guidanceMax());
  }

  /**
   * Makes images in memory of the caller's.
   *
   * @param destination float32 NHWC with values about [-1, 1]; at least {@code 4 * count *
   *     imageValues()} bytes, aligned to 4, on or off the heap
   * @throws IllegalArgumentException when the model does not take this request, in one line that
   *     says what it takes
   * @throws NotFiniteException when an image became NaN or infinite; the line names image and step
   * @throws IllegalStateException when the model is closed
   * @throws java.util.concurrent.CancellationException when this thread is interrupted
   */
  public void sample(SampleRequest request, MemorySegment destination) {
    sampler.sample(request, destination);
  }

  /**
   * Makes images in memory of the caller's, until it is stopped.
   *
   * @throws java.util.concurrent.CancellationException when it was; the destination then holds some
   *     of the images, or none
   */
  public void sample(SampleRequest request, MemorySegment destination, Cancellation cancellation) {
    sampler.sample(request, destination, cancellation);
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
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment values =
          arena.allocate((long) Float.BYTES * request.count() * imageValues(), ALIGNMENT);
      sample(request, values, cancellation);
      int side = config().imageSize();
      return ImageBatch.ofNormalized(request.count(), side, side, config().inChannels(), values, 0);
    }
  }

  /** Makes ready what a request needs, so that the first one takes no longer than the next. */
  public void warmUp(SampleRequest request) {
    sampler.warmUp(request);
  }

  /**
   * Fails, in one line that says what the model takes, when it does not take this request.
   *
   * @throws IllegalArgumentException then
   */
  public void requireSupported(SampleRequest request) {
    sampler.requireSupported(request);
  }

  /**
   * Network evaluations per image that a request costs: two per step for a guided teacher, else
   * one.
   */
  public long evaluations(SampleRequest request) {
    return sampler.evaluations(request);
  }

  /** Numbers of one image: height x width x channels. */
  public int imageValues() {
    return sampler.imageValues();
  }

  /** What the model is and was trained on. */
  public ModelCard card() {
    return network.card();
  }

  /** The network's shape. */
  public UNetConfig config() {
    return network.architecture();
  }

  /** Trained numbers in the network. */
  public long parameters() {
    return network.graph().parameters().values().stream().mapToLong(p -> p.size()).sum();
  }

  /** The network itself, for tools; it belongs to this model. */
  public Network<UNetConfig, ModelCard> network() {
    return network;
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
    return Arrays.stream(names).mapToInt(this::label).toArray();
  }

  private int label(String name) {
    String wanted = name.strip();
    int exact = classNames().indexOf(name);
    exact = exact < 0 ? classNames().indexOf(wanted) : exact;
    if (exact >= 0) {
      return exact;
    }
    // Where classes are called by numbers, a number is a name and nothing else.
    if (wanted.matches("\\d{1,9}") && !ClassNames.areNumbers(classNames())) {
      int number = Integer.parseInt(wanted);
      if (number < classes()) {
        return number;
      }
      throw unknown(name);
    }
    List<Integer> same = new ArrayList<>();
    List<Integer> longer = new ArrayList<>();
    for (int i = 0; i < classNames().size(); i++) {
      String known = fold(classNames().get(i));
      if (known.equals(fold(wanted))) {
        same.add(i);
      } else if (!wanted.isEmpty() && known.startsWith(fold(wanted))) {
        longer.add(i);
      }
    }
    if (same.size() == 1) {
      return same.getFirst();
    }
    if (same.isEmpty() && longer.size() == 1 && !ClassNames.areNumbers(classNames())) {
      return longer.getFirst();
    }
    throw unknown(name);
  }

  private IllegalArgumentException unknown(String name) {
    return new IllegalArgumentException(
        "\"" + Printable.line(name) + "\" is not a class of this model; " + describeClasses());
  }

  /** Number of classes; 1 for an unconditional model. */
  public int classes() {
    return config().isConditional() ? config().numClasses() : 1;
  }

  private String describeClasses() {
    String numbers = "its labels are 0 to " + (classes() - 1);
    return classNames().isEmpty()
        ? numbers
        : (ClassNames.areNumbers(classNames()) ? "its classes are " : numbers + " or ")
            + String.join(", ", classNames());
  }

  private static String fold(String name) {
    return name.strip().toLowerCase(Locale.ROOT);
  }

  /** Waits for the request that is running, then frees all memory. Closing twice is harmless. */
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    sampler.close();
    network.close();
    if (ownDevice != null) {
      ownDevice.close();
    }
  }
}
