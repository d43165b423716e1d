package org.halfstep.sample;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Optional;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.diffusion.Parameterization;
import org.halfstep.image.ImageBatch;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.Quantization;
import org.halfstep.model.UNetConfig;

/** A network that makes images by itself. */
final class PixelPipeline implements Pipeline {
  /** Stable Diffusion's last level has 0.07 left of an image, the cosine of EPS networks 5e-5. */
  private static final double LEAST_ALPHA = 0.01;

  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  private final Network<UNetConfig, ModelCard> network;
  private final Sampler sampler;

  /**
   * @param network closed with this
   */
  PixelPipeline(Network<UNetConfig, ModelCard> network, ModelOptions options) {
    this.network = network;
    DataType precision =
        options.precision() == null ? network.device().defaultPrecision() : options.precision();
    this.sampler = new Sampler(network, options.maxBatch(), precision);
  }

  Network<UNetConfig, ModelCard> network() {
    return network;
  }

  @Override
  public ModelCard card() {
    return network.card();
  }

  @Override
  public Device device() {
    return network.device();
  }

  @Override
  public long parameters() {
    return network.graph().parameters().values().stream().mapToLong(p -> p.size()).sum();
  }

  @Override
  public int channels() {
    return network.architecture().inChannels();
  }

  @Override
  public int height(SampleRequest request) {
    return network.architecture().imageSize();
  }

  @Override
  public int width(SampleRequest request) {
    return network.architecture().imageSize();
  }

  @Override
  public boolean takesPrompts() {
    return false;
  }

  @Override
  public int classes() {
    UNetConfig config = network.architecture();
    return config.isConditional() ? config.numClasses() : 1;
  }

  @Override
  public Optional<Quantization> quantization() {
    return Optional.ofNullable(network.quantization());
  }

  @Override
  public List<String> notes() {
    return List.of();
  }

  @Override
  public SampleRequest request(Condition condition) {
    ModelCard card = card();
    double guidance;
    if (!card.takesGuidance()) {
      guidance = network.architecture().nullLabel() ? DiffusionModel.DEFAULT_GUIDANCE : 0;
    } else {
      guidance =
          Math.clamp(DiffusionModel.DEFAULT_GUIDANCE, card.guidanceMin(), card.guidanceMax());
    }
    int steps = card.hasOwnSteps() ? card.steps() : DiffusionModel.DEFAULT_STEPS;
    return SampleRequest.of(condition, 0, guidance, steps)
        .withSampler(card.solver())
        .withClip(magnifiesErrors());
  }

  /**
   * Whether an image is worked out from noise where next to nothing of it is left: what the network
   * gets wrong is magnified as much, and published samplers clip it.
   */
  private boolean magnifiesErrors() {
    return card().predicts() == Parameterization.EPS
        && card().noiseSchedule().alpha(1) < LEAST_ALPHA;
  }

  @Override
  public void requireSupported(SampleRequest request) {
    sampler.requireSupported(request);
    requireScale(request);
  }

  private void requireScale(SampleRequest request) {
    if (request.clip() && card().imageScale() != 1) {
      throw new IllegalArgumentException(
          "images are clipped to [-1, 1], and this network's are divided by "
              + card().imageScale()
              + ": leave clipping out");
    }
  }

  @Override
  public long evaluations(SampleRequest request) {
    return sampler.evaluations(request);
  }

  @Override
  public void sample(
      SampleRequest request,
      MemorySegment destination,
      Cancellation cancellation,
      SampleProgress progress) {
    requireScale(request);
    sampler.sample(request, null, ForeignDraws.NONE, destination, cancellation, progress);
    scale(request, destination);
  }

  /** From the network's images to those of a request. */
  private void scale(SampleRequest request, MemorySegment destination) {
    float scale = (float) card().imageScale();
    if (scale != 1) {
      long count =
          (long) request.condition().count() * height(request) * width(request) * channels();
      for (long i = 0; i < count; i++) {
        destination.setAtIndex(FLOAT, i, scale * destination.getAtIndex(FLOAT, i));
      }
    }
  }

  @Override
  public int codeValues(SampleRequest request) {
    return sampler.imageValues();
  }

  @Override
  public void encode(
      SampleRequest request,
      ImageBatch pictures,
      MemorySegment codes,
      Cancellation cancellation,
      SampleProgress progress) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment values =
          arena.allocate((long) Float.BYTES * pictures.pixels().length, Float.BYTES);
      write(pictures, card().imageScale(), values);
      sampler.invert(request, KnownImage.start(values), codes, cancellation, progress);
    }
  }

  private static void write(ImageBatch pictures, double scale, MemorySegment values) {
    byte[] pixels = pictures.pixels();
    for (int i = 0; i < pixels.length; i++) {
      values.setAtIndex(FLOAT, i, (float) (EditedLatents.normalized(pixels[i]) / scale));
    }
  }

  @Override
  public void decode(
      SampleRequest request,
      MemorySegment codes,
      MemorySegment clean,
      MemorySegment destination,
      Cancellation cancellation,
      SampleProgress progress) {
    requireScale(request);
    KnownImage start = KnownImage.start(codes);
    sampler.sample(request, start, ForeignDraws.NONE, destination, cancellation, progress);
    clean.copyFrom(destination.asSlice(0, clean.byteSize()));
    scale(request, destination);
  }

  @Override
  public void reconstruct(
      SampleRequest request, ImageBatch pictures, MemorySegment clean, MemorySegment destination) {
    write(pictures, card().imageScale(), clean);
    write(pictures, 1, destination);
  }

  @Override
  public void warmUp(SampleRequest request) {
    sampler.warmUp(request);
  }

  @Override
  public List<ComponentUse> uses() {
    return List.of();
  }

  @Override
  public List<String> notices() {
    return List.of();
  }

  @Override
  public void close() {
    sampler.close();
    network.close();
  }
}
