package org.halfstep.sample;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.halfstep.device.Device;
import org.halfstep.image.ImageBatch;
import org.halfstep.latent.FirstStage;
import org.halfstep.latent.TextEncoder;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Quantization;

/**
 * A latent model as a pipeline: text encoder, guided denoising of latents, first stage. Begun with
 * a picture it edits (SDEdit), with a mask it paints a part anew: by a network that was made for
 * that, or by an ordinary one that is led back to the picture after each step. Thread-safe:
 * requests run one after another.
 */
final class LatentPipeline implements Pipeline {
  private final LatentComponents components;
  private final LatentRequests requests;
  private final RunningParts parts;
  private List<ComponentUse> uses = new ArrayList<>();
  private List<String> notices = List.of();
  private boolean closed;

  /**
   * @param components closed with the pipeline
   */
  LatentPipeline(LatentComponents components, ModelOptions options) {
    this.components = components;
    this.requests = new LatentRequests(components);
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
    return requests.height(request);
  }

  @Override
  public int width(SampleRequest request) {
    return requests.width(request);
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
    return requests.isInpainting();
  }

  @Override
  public SampleRequest request(Condition condition) {
    return requests.request(condition);
  }

  @Override
  public void requireSupported(SampleRequest request) {
    requests.requireSupported(request);
  }

  @Override
  public long evaluations(SampleRequest request) {
    return requests.evaluations(request);
  }

  /** Where the steps of a request begin. */
  Beginning beginning(SampleRequest request) {
    return requests.beginning(request);
  }

  /** The file of the UNet's weights, or the index of several. */
  Path weights() {
    return components.weights();
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
      release();
    }
  }

  /** Gives back what does not stay in memory between requests. */
  private void release() {
    if (!parts.areKept()) {
      parts.close();
      components.device().trim();
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
      ComponentWatch watch = new ComponentWatch(uses);
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
    ComponentWatch watch = new ComponentWatch(uses);
    Sampler sampler = parts.sampler(height, width, request.count(), requests.runs(request));
    LatentDenoiser denoiser = parts.denoiser();
    watch.opened();
    denoiser.setBeside(beside);
    if (inverts) {
      denoiser.setContexts(source, null);
      MemorySegment codes = arena.allocate(known.values().byteSize(), Long.BYTES);
      KnownImage picture = KnownImage.start(known.values());
      sampler.invert(LatentRequests.inverse(request), picture, codes, cancellation, progress);
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

  @Override
  public int codeValues(SampleRequest request) {
    int factor = components.factor();
    return height(request) / factor * (width(request) / factor) * latentChannels();
  }

  @Override
  public synchronized void encode(
      SampleRequest request,
      ImageBatch pictures,
      MemorySegment codes,
      Cancellation cancellation,
      SampleProgress progress) {
    requireOpen();
    requests.requireEncodable(request);
    uses = new ArrayList<>();
    notices = List.of();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment contexts =
          request.condition() instanceof Condition.Prompts prompts
              ? encode(prompts, false, arena)[0]
              : null;
      encoding(request, pictures).codes(contexts, codes, cancellation, progress, arena);
    } catch (IOException unreadable) {
      throw new UncheckedIOException(unreadable.getMessage(), unreadable);
    } finally {
      release();
    }
  }

  private LatentEncoding encoding(SampleRequest request, ImageBatch pictures) {
    return new LatentEncoding(parts, request, pictures, components.factor(), uses);
  }

  @Override
  public synchronized void reconstruct(
      SampleRequest request, ImageBatch pictures, MemorySegment clean, MemorySegment destination) {
    requireOpen();
    try {
      encoding(request, pictures).reconstruct(clean, destination);
    } catch (IOException unreadable) {
      throw new UncheckedIOException(unreadable.getMessage(), unreadable);
    } finally {
      release();
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
    sample(request, codes, clean, destination, cancellation, progress);
  }

  /** The contexts of texts, and those of their negatives, which are null without guidance. */
  synchronized MemorySegment[] encode(Condition.Prompts prompts, boolean guides, Arena arena)
      throws IOException {
    ComponentWatch watch = new ComponentWatch(uses);
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
    ComponentWatch watch = new ComponentWatch(uses);
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
