package org.halfstep.sample;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.halfstep.device.Device;
import org.halfstep.device.Slab;
import org.halfstep.diffusion.SamplingStep;
import org.halfstep.diffusion.Solver;
import org.halfstep.diffusion.TimeGrid;
import org.halfstep.latent.FirstStage;
import org.halfstep.latent.TextEncoder;
import org.halfstep.model.ModelCard;
import org.halfstep.model.ModelCard.Role;
import org.halfstep.model.Quantization;

/**
 * A latent model as a pipeline: text encoder, guided denoising of latents, first stage. Begun with
 * a picture it edits (SDEdit), with a mask it paints a part anew: by a network that was made for
 * that, or by an ordinary one that is led back to the picture after each step. Thread-safe:
 * requests run one after another.
 */
final class LatentPipeline implements Pipeline {
  private static final int DEFAULT_STEPS = 50;
  private static final int DEFAULT_CONSISTENCY_STEPS = 4;

  /** What Stable Diffusion's programs take: a guidance scale of 7.5. */
  private static final double DEFAULT_GUIDANCE = 6.5;

  /** What the class-conditional networks of latent diffusion are sampled with. */
  private static final double DEFAULT_CLASS_GUIDANCE = 2;

  private final LatentComponents components;
  private final RunningParts parts;
  private List<ComponentUse> uses = new ArrayList<>();
  private List<String> notices = List.of();
  private boolean closed;

  /**
   * @param components closed with the pipeline
   */
  LatentPipeline(LatentComponents components, ModelOptions options) {
    this.components = components;
    this.parts = new RunningParts(components, options);
  }

  // ---- What it takes

  @Override
  public ModelCard card() {
    return components.card();
  }

  @Override
  public Device device() {
    return components.device();
  }

  @Override
  public long parameters() {
    return components.parameters();
  }

  @Override
  public int channels() {
    return components.autoencoder().imageChannels();
  }

  @Override
  public int height(SampleRequest request) {
    return request.height() == 0 ? components.usualSide() : request.height();
  }

  @Override
  public int width(SampleRequest request) {
    return request.width() == 0 ? components.usualSide() : request.width();
  }

  @Override
  public boolean takesPrompts() {
    return components.isOfTexts();
  }

  /** Classes of a class-conditional model; the last row of its table stands for none. */
  @Override
  public int classes() {
    return Math.max(1, components.unet().classRows() - 1);
  }

  @Override
  public Optional<Quantization> quantization() {
    return components.quantization();
  }

  @Override
  public List<String> notes() {
    return components.notes();
  }

  /** Whether the network was made to paint a part of a picture. */
  boolean isInpainting() {
    return components.unet().inChannels() > components.unet().outChannels();
  }

  @Override
  public SampleRequest request(Condition condition) {
    ModelCard card = card();
    boolean isStudent = card.role() == Role.STUDENT;
    Solver solver = isStudent ? card.solver() : components.sampling().solver();
    int steps = solver == Solver.CONSISTENCY ? DEFAULT_CONSISTENCY_STEPS : DEFAULT_STEPS;
    double guidance = components.isOfTexts() ? DEFAULT_GUIDANCE : DEFAULT_CLASS_GUIDANCE;
    if (card.role() != Role.TEACHER) {
      guidance = Math.clamp(guidance, card.guidanceMin(), card.guidanceMax());
    }
    return SampleRequest.of(condition, 0, guidance, isStudent ? card.steps() : steps)
        .withSampler(solver);
  }

  @Override
  public void requireSupported(SampleRequest request) {
    requireSize("height", height(request));
    requireSize("width", width(request));
    LatentConditions.require(components.unet(), request);
    Sampler.requireSteps(card(), request);
    if (request.edit() != null && channels() != request.edit().image().channels()) {
      throw new IllegalArgumentException(
          "this model makes images of " + channels() + " channels and edits no others");
    }
    grid(request);
    if (request.edit() != null && request.edit().source() != null) {
      requireInvertible(request);
    }
  }

  private TimeGrid grid(SampleRequest request) {
    return components.sampling().grid(request.sampler(), request.spacing(), request.end());
  }

  private void requireInvertible(SampleRequest request) {
    if (!request.sampler().isDeterministic()) {
      throw new IllegalArgumentException(
          "the "
              + request.sampler().name().toLowerCase(Locale.ROOT)
              + " sampler draws noise on its way and does not lead back to a picture: use ddim");
    }
    if (card().role() == ModelCard.Role.STUDENT) {
      throw new IllegalArgumentException(
          "a student was distilled for steps towards pictures: take a picture back with its teacher");
    }
    LatentConditions.require(components.unet(), inverse(request));
  }

  private void requireSize(String what, int pixels) {
    int factor = components.factor();
    if (pixels % factor != 0) {
      throw new IllegalArgumentException(
          "the "
              + what
              + " of an image must be a multiple of "
              + factor
              + " pixels, got "
              + pixels
              + ": use "
              + Math.max(factor, Math.round((double) pixels / factor) * factor));
    }
  }

  @Override
  public long evaluations(SampleRequest request) {
    int steps = request.sampler().evaluations(Sampler.steps(card(), request));
    return (long) steps * Denoiser.branches(card(), request) + inverseSteps(request);
  }

  /** Steps back to the noise of a picture. */
  private int inverseSteps(SampleRequest request) {
    boolean inverts = request.edit() != null && request.edit().source() != null;
    return inverts ? Sampler.steps(card(), request) : 0;
  }

  /** The file of the UNet's weights, or the index of several. */
  Path weights() {
    return components.weights();
  }

  /** Where the steps of a request begin. */
  Beginning beginning(SampleRequest request) {
    SamplingStep first = Sampler.path(card(), grid(request), request).steps().getFirst();
    boolean isNoise =
        request.edit() == null
            || request.edit().source() == null && Sampler.startsFromNoise(card(), request);
    return new Beginning(
        Sampler.steps(card(), request),
        request.steps(),
        first.timeInput(),
        isNoise ? 1 : first.sigma());
  }

  // ---- Making images

  @Override
  public void sample(
      SampleRequest request,
      MemorySegment destination,
      Cancellation cancellation,
      SampleProgress progress) {
    sample(request, null, null, destination, cancellation, progress);
  }

  /**
   * The same from latents that are given, with the latents that come out.
   *
   * @param start float32, NHWC, what the first step of each image begins with; null for noise
   * @param ends takes the latents of all images, scaled as the network has them; null for nowhere
   */
  synchronized void sample(
      SampleRequest request,
      MemorySegment start,
      MemorySegment ends,
      MemorySegment destination,
      Cancellation cancellation,
      SampleProgress progress) {
    requireOpen();
    requireSupported(request);
    int factor = components.factor();
    int height = height(request) / factor;
    int width = width(request) / factor;
    uses = new ArrayList<>();
    notices = List.of();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment latents = latents(request, start, height, width, cancellation, progress, arena);
      cancellation.check();
      if (ends != null) {
        ends.copyFrom(latents);
      }
      decode(request, height, width, latents, destination);
      new EditedLatents(request, factor, height, width, latentChannels()).paste(destination);
    } catch (IOException unreadable) {
      throw new UncheckedIOException(unreadable.getMessage(), unreadable);
    } finally {
      if (!parts.areKept()) {
        parts.close();
        components.device().trim();
      }
    }
  }

  private int latentChannels() {
    return components.unet().outChannels();
  }

  /** The latents of a request, scaled as the network has them; nothing is decoded. */
  synchronized MemorySegment latents(
      SampleRequest request, Cancellation cancellation, SampleProgress progress, Arena arena)
      throws IOException {
    requireSupported(request);
    int factor = components.factor();
    uses = new ArrayList<>();
    return latents(
        request,
        null,
        height(request) / factor,
        width(request) / factor,
        cancellation,
        progress,
        arena);
  }

  private MemorySegment latents(
      SampleRequest request,
      MemorySegment start,
      int height,
      int width,
      Cancellation cancellation,
      SampleProgress progress,
      Arena arena)
      throws IOException {
    boolean guides = Denoiser.branches(card(), request) == 2;
    MemorySegment[] contexts = {null, null};
    if (request.condition() instanceof Condition.Prompts prompts) {
      contexts = encode(prompts, guides, arena);
      cancellation.check();
    }
    // What the first step of each image begins with, where that is no noise.
    KnownImage known = start == null ? null : KnownImage.start(start);
    MemorySegment beside = null;
    Edit edit = request.edit();
    boolean inverts = edit != null && edit.source() != null;
    boolean begins = edit != null && (inverts || !Sampler.startsFromNoise(card(), request));
    boolean leadsBack = edit != null && edit.mask() != null && !isInpainting();
    if (begins || leadsBack || isInpainting()) {
      EditedLatents edited =
          new EditedLatents(request, components.factor(), height, width, latentChannels());
      Stopwatch watch = new Stopwatch();
      FirstStage firstStage = parts.firstStage(request.count());
      watch.opened();
      known = begins || leadsBack ? edited.known(firstStage, leadsBack, arena) : known;
      beside = isInpainting() ? edited.beside(firstStage, begins ? 2 : 1, arena) : null;
      watch.done("first stage, encoding");
      if (!parts.areKept()) {
        parts.releaseFirstStage();
      }
      cancellation.check();
    }
    MemorySegment source = null;
    if (inverts && edit.source() instanceof Condition.Prompts prompts) {
      source = encode(prompts, false, arena)[0];
    }
    Stopwatch watch = new Stopwatch();
    int runs =
        request.sampler().evaluations(Sampler.steps(card(), request)) + inverseSteps(request);
    Sampler sampler = parts.sampler(height, width, request.count(), runs);
    LatentDenoiser denoiser = parts.denoiser();
    watch.opened();
    denoiser.setBeside(beside);
    if (inverts) {
      denoiser.setContexts(source, null);
      MemorySegment codes = arena.allocate(known.values().byteSize(), Long.BYTES);
      KnownImage picture = KnownImage.start(known.values());
      sampler.invert(inverse(request), picture, codes, cancellation, progress);
      known = KnownImage.start(codes);
    }
    denoiser.setContexts(contexts[0], contexts[1]);
    MemorySegment latents =
        arena.allocate((long) Float.BYTES * request.count() * denoiser.values(), Long.BYTES);
    // Other programs draw the latents of pictures from the same seeds.
    ForeignDraws skipped =
        new ForeignDraws(
            begins || leadsBack ? 1 : 0,
            isInpainting() || edit != null && edit.mask() != null ? 1 : 0);
    sampler.sample(request, known, skipped, latents, cancellation, progress);
    watch.done("UNet");
    if (!parts.areKept()) {
      parts.closeUNet();
    }
    return latents;
  }

  /** What is asked for on the way back: what a picture shows now, without guidance. */
  private static SampleRequest inverse(SampleRequest request) {
    return request.withCondition(request.edit().source()).withGuidance(0);
  }

  /** The contexts of texts, and those of their negatives, which are null without guidance. */
  synchronized MemorySegment[] encode(Condition.Prompts prompts, boolean guides, Arena arena)
      throws IOException {
    Stopwatch watch = new Stopwatch();
    TextEncoder textEncoder = parts.textEncoder(prompts.count());
    watch.opened();
    MemorySegment texts = arena.allocate(prompts.count() * textEncoder.contextBytes(), Long.BYTES);
    textEncoder.encode(prompts.prompts(), texts);
    notices = new ArrayList<>();
    prompts.prompts().stream().distinct().forEach(p -> notices.addAll(textEncoder.notices(p)));
    MemorySegment without = null;
    if (guides) {
      without = arena.allocate(prompts.count() * textEncoder.contextBytes(), Long.BYTES);
      textEncoder.encode(prompts.negatives(), without);
      prompts.negatives().stream().distinct().forEach(p -> notices.addAll(textEncoder.notices(p)));
    }
    watch.done("text encoder");
    if (!parts.areKept()) {
      parts.closeTextEncoder();
    }
    return new MemorySegment[] {texts, without};
  }

  private void decode(
      SampleRequest request,
      int height,
      int width,
      MemorySegment latents,
      MemorySegment destination)
      throws IOException {
    Stopwatch watch = new Stopwatch();
    FirstStage firstStage = parts.firstStage(request.count());
    watch.opened();
    try {
      firstStage.decode(request.count(), height, width, latents, destination);
    } catch (ArithmeticException notFinite) {
      throw new NotFiniteException(
          "seed "
              + request.seed()
              + " from image "
              + request.firstImage()
              + " on: "
              + notFinite.getMessage());
    }
    watch.done("first stage, decoding");
  }

  /** Measures a part: how long it took to open and to run, and what it holds. */
  private final class Stopwatch {
    private final long bytesBefore = Slab.liveBytes();
    private final long begun = System.nanoTime();
    private long openedAt = begun;

    void opened() {
      openedAt = System.nanoTime();
    }

    void done(String name) {
      long now = System.nanoTime();
      uses.add(
          new ComponentUse(
              name,
              (openedAt - begun) / 1e9,
              (now - openedAt) / 1e9,
              Math.max(0, Slab.liveBytes() - bytesBefore)));
    }
  }

  /** What the parts took in the last request. */
  @Override
  public synchronized List<ComponentUse> uses() {
    return List.copyOf(uses);
  }

  /** Lines about what of the last request's prompts was not used. */
  @Override
  public synchronized List<String> notices() {
    return List.copyOf(notices);
  }

  /** Makes ready nothing ahead: which parts stay is the residency's. */
  @Override
  public synchronized void warmUp(SampleRequest request) {
    requireOpen();
    requireSupported(request);
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the model is closed and makes no more images");
    }
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      parts.close();
      components.close();
    }
  }
}
