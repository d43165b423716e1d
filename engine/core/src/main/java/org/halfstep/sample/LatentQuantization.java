package org.halfstep.sample;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntConsumer;
import org.halfstep.checkpoint.FolderWriter;
import org.halfstep.checkpoint.WriteOptions;
import org.halfstep.device.Device;
import org.halfstep.diffusion.DiscreteSchedule;
import org.halfstep.diffusion.Solver;
import org.halfstep.image.ImageBatch;
import org.halfstep.latent.FirstStage;
import org.halfstep.latent.LatentDraw;
import org.halfstep.latent.LatentUNetConfig;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.quantize.Calibration;
import org.halfstep.quantize.LatentRows;

/**
 * Brings the UNet of a latent model to int8: it is measured on latents of pictures at eight levels
 * of noise, half of them with the texts that guidance leads away from, and written into a folder
 * beside copies of the model's other parts. The folder is opened like any model.
 */
public final class LatentQuantization implements AutoCloseable {
  /** Range of guidance strengths w of networks that take it, as far as theirs has it. */
  private static final double MOST_GUIDANCE = 14;

  private final LatentComponents components;
  private final LatentPipeline pipeline;
  private final LatentCalibration settings;
  private final SampleRequest request;

  /**
   * Opens a model.
   *
   * @param device stays the caller's
   * @param model a folder of diffusers or a single file
   * @param options of which the files' and the memory's are used
   * @throws IOException in one line that names the file, when it is no whole latent model
   * @throws IllegalArgumentException in one line, when the model takes no such calibration
   */
  public LatentQuantization(
      Device device, Path model, ModelOptions options, LatentCalibration settings)
      throws IOException {
    this.settings = settings;
    ModelOptions releasing =
        options.withLatent(options.latent().withResidency(LatentOptions.Residency.RELEASE));
    this.components = new LatentComponents(device, model, releasing);
    this.pipeline = new LatentPipeline(components, releasing);
    try {
      if (components.quantization().isPresent()) {
        throw new IllegalArgumentException(
            "the model is int8 already: quantize the float32 model that it was made from");
      }
      SampleRequest usual = pipeline.request(condition());
      this.request =
          usual
              .withSeed(settings.seed())
              .withSize(settings.height(), settings.width())
              .withSteps(
                  usual.sampler() == Solver.CONSISTENCY
                      ? usual.steps()
                      : Math.min(usual.steps(), LatentCalibration.STEPS));
      pipeline.requireSupported(request);
    } catch (RuntimeException | Error failure) {
      pipeline.close();
      throw failure;
    }
  }

  private Condition condition() {
    if (components.isOfTexts()) {
      return Condition.prompts(settings.texts(), settings.negative());
    }
    int[] labels = new int[settings.images()];
    Arrays.setAll(labels, image -> (int) ((long) image * pipeline.classes() / labels.length));
    return Condition.labels(labels);
  }

  /** The pictures that the model makes for it, unless others are given. */
  public SampleRequest request() {
    return request;
  }

  /** How many pictures. */
  public int images() {
    return settings.images();
  }

  /** Rows of a picture. */
  public int height() {
    return pipeline.height(request);
  }

  /** Columns of a picture. */
  public int width() {
    return pipeline.width(request);
  }

  /** Lines about what was chosen and passed over when the model was opened. */
  public List<String> notes() {
    return pipeline.notes();
  }

  private LatentUNetConfig config() {
    int factor = components.factor();
    return components.unetConfig(height() / factor, width() / factor);
  }

  /**
   * Measures.
   *
   * @param pictures RGB, as many as were asked for, of this size; null for the model's own
   * @param dataName what the file calls them
   * @param cancellation asked before each evaluation
   * @param progress told of each step of the pictures that are made
   * @param percent told how much of what is measured then is done
   * @throws IOException in one line, when a part cannot be read
   */
  public Calibration.Scales measure(
      ImageBatch pictures,
      String dataName,
      Cancellation cancellation,
      SampleProgress progress,
      IntConsumer percent)
      throws IOException {
    requirePictures(pictures);
    LatentUNetConfig config = config();
    List<LatentRows.Sample> samples;
    try (Arena arena = Arena.ofConfined()) {
      samples = samples(config, pictures, cancellation, progress, arena);
    }
    ModelCard card = components.card();
    double[] guidance =
        config.isGuided()
            ? new double[] {
              Math.min(card.guidanceMin(), MOST_GUIDANCE),
              Math.min(card.guidanceMax(), MOST_GUIDANCE)
            }
            : null;
    DiscreteSchedule schedule = DiscreteSchedule.of(card.betas());
    try (Network<LatentUNetConfig, ModelCard> network =
        components.openUNet(config.height(), config.width(), components.use())) {
      return Calibration.scales(
          network,
          1,
          plan -> new LatentRows(config, plan, schedule, samples, guidance, settings.seed()),
          dataName,
          settings.seed(),
          done -> {
            cancellation.check();
            percent.accept(done);
          });
    }
  }

  private void requirePictures(ImageBatch pictures) {
    if (pictures != null
        && (pictures.count() != settings.images()
            || pictures.height() != height()
            || pictures.width() != width()
            || pictures.channels() != pipeline.channels())) {
      throw new IllegalArgumentException(
          "expected "
              + settings.images()
              + " pictures of "
              + width()
              + "x"
              + height()
              + ", got "
              + pictures.count()
              + " of "
              + pictures.width()
              + "x"
              + pictures.height());
    }
  }

  /** Every other one is shown without its text or class, as guidance does. */
  private List<LatentRows.Sample> samples(
      LatentUNetConfig config,
      ImageBatch pictures,
      Cancellation cancellation,
      SampleProgress progress,
      Arena arena)
      throws IOException {
    int pixels = config.height() * config.width();
    int channels = config.network().outChannels();
    MemorySegment latents =
        pictures == null
            ? pipeline.latents(request, cancellation, progress, arena)
            : encoded(pictures, pixels * channels, arena);
    cancellation.check();
    MemorySegment[] contexts = {null, null};
    if (request.condition() instanceof Condition.Prompts prompts) {
      contexts =
          pipeline.encode(prompts, Denoiser.branches(components.card(), request) == 2, arena);
    }
    float[] beside = pipeline.isInpainting() ? beside(config, arena) : new float[0];
    List<LatentRows.Sample> samples = new ArrayList<>();
    for (int image = 0; image < settings.images(); image++) {
      boolean without = image % 2 == 1;
      float[] latent = part(latents, image, pixels * channels);
      float[] context = null;
      int label = 0;
      if (config.hasClasses()) {
        label = without ? config.network().classRows() - 1 : request.labels()[image];
      } else {
        MemorySegment from = without && contexts[1] != null ? contexts[1] : contexts[0];
        context = part(from, image, config.tokens() * config.network().context());
      }
      samples.add(
          new LatentRows.Sample(
              beside.length == 0 ? latent : joined(latent, beside, pixels, image), context, label));
    }
    return samples;
  }

  private static float[] part(MemorySegment values, int number, int count) {
    float[] part = new float[count];
    MemorySegment.copy(
        values, ValueLayout.JAVA_FLOAT, (long) Float.BYTES * number * count, part, 0, count);
    return part;
  }

  private MemorySegment encoded(ImageBatch pictures, int values, Arena arena) throws IOException {
    MemorySegment latents =
        arena.allocate((long) Float.BYTES * settings.images() * values, Float.BYTES);
    try (FirstStage stage = components.openFirstStage(components.use())) {
      stage.encode(pictures, LatentDraw.sample(settings.seed(), 0), latents);
    }
    return latents;
  }

  /** What an inpainting network sees of a picture that is painted everywhere. */
  private float[] beside(LatentUNetConfig config, Arena arena) throws IOException {
    try (FirstStage stage = components.openFirstStage(components.use())) {
      MemorySegment values =
          new EditedLatents(
                  request.slice(0, 1),
                  components.factor(),
                  config.height(),
                  config.width(),
                  config.network().outChannels())
              .beside(stage, 0, arena);
      return part(values, 0, (int) (values.byteSize() / Float.BYTES));
    }
  }

  /** Every other picture is painted everywhere, the others in their lower half. */
  private static float[] joined(float[] latent, float[] beside, int pixels, int image) {
    int channels = latent.length / pixels;
    int extra = beside.length / pixels;
    float[] joined = new float[latent.length + beside.length];
    for (int pixel = 0; pixel < pixels; pixel++) {
      int to = pixel * (channels + extra);
      System.arraycopy(latent, pixel * channels, joined, to, channels);
      System.arraycopy(beside, pixel * extra, joined, to + channels, extra);
      boolean stays = image / 2 % 2 == 1 && pixel < pixels / 2;
      if (stays) {
        joined[to + channels] = 0;
        System.arraycopy(latent, pixel * channels, joined, to + channels + 1, channels);
      }
    }
    return joined;
  }

  /**
   * Writes the model with its UNet in int8.
   *
   * @param folder that is not there yet, or empty
   * @param tokenizer for files that have none; else null
   * @return lines about what is not in it
   * @throws IOException in one line, when it cannot be written; nothing is left then
   */
  public List<String> write(Path folder, Calibration.Scales scales, Path tokenizer)
      throws IOException {
    LatentUNetConfig config = config();
    try (Network<LatentUNetConfig, ModelCard> network =
        components.openUNet(config.height(), config.width(), components.use())) {
      return FolderWriter.writeQuantized(
          components.checkpoint(),
          folder,
          WriteOptions.same().withTokenizer(tokenizer),
          file -> network.saveQuantized(file, network.card(), scales.how(), scales.layers()));
    }
  }

  @Override
  public void close() {
    pipeline.close();
  }
}
