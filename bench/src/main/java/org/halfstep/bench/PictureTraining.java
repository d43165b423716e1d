package org.halfstep.bench;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.IntStream;
import org.halfstep.checkpoint.SchedulerConfig;
import org.halfstep.cli.option.Settings;
import org.halfstep.device.Device;
import org.halfstep.device.Owned;
import org.halfstep.diffusion.ExampleDraws;
import org.halfstep.diffusion.Parameterization;
import org.halfstep.diffusion.TimeGrid;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanProfile;
import org.halfstep.graph.Shape;
import org.halfstep.latent.TextUNetConfig;
import org.halfstep.latent.VariationalAutoencoderConfig;
import org.halfstep.model.ComponentCard;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.random.Philox;
import org.halfstep.text.ClipTokenizer;
import org.halfstep.text.TokenTable;
import org.halfstep.train.AutoencoderSettings;
import org.halfstep.train.AutoencoderTrainer;
import org.halfstep.train.CaptionedTeacherSettings;
import org.halfstep.train.Examples;
import org.halfstep.train.TeacherObjective;
import org.halfstep.train.TextConditioned;
import org.halfstep.train.Trainer;
import org.halfstep.train.UpdateStep;

/**
 * Updates of the models of the preset {@code pictures} as they are trained, on noise: {@code
 * autoencoder}, and {@code teacher} with captions that are numbers. {@code train} also counts
 * processor time, which other work on the machine hardly changes; {@code profile-train} says where
 * an update's time goes.
 *
 * <p>One setting may be another one: {@code
 * -Dhalfstep.bench.set=autoencoder.network.block_out_channels=[32,64,96]}.
 */
final class PictureTraining implements AutoCloseable {
  private static final String AUTOENCODER = "autoencoder";
  private static final String TEACHER = "teacher";
  private static final String SET = "halfstep.bench.set";
  private static final double LEARNING_RATE = 1e-4;
  private static final long SEED = 5;

  /** Floats per parameter that an update touches: the norm's; p, m, v and the average twice; g. */
  private static final int UPDATE_FLOATS = 1 + 2 * 4 + 1;

  private static final int LATENT_SIDE = 16;
  private static final int LATENT_CHANNELS = 4;

  /** Captions: a word and a number each. */
  private static final int CAPTIONS = 4096;

  private static final TimeGrid TRAILING =
      new TimeGrid(TimeGrid.Spacing.TRAILING, 0, TimeGrid.End.CLEAN);

  private final Owned owned;
  private final String name;
  private final int batch;
  private final Network<?, ?> network;
  private final Plan plan;
  private final UpdateStep step;
  private long updates;

  /**
   * @param owned network and trainer
   */
  private PictureTraining(
      String name, int batch, Owned owned, Network<?, ?> network, UpdateStep step, Plan plan) {
    this.name = name;
    this.batch = batch;
    this.owned = owned;
    this.network = network;
    this.step = step;
    this.plan = plan;
  }

  static boolean knows(String name) {
    return name.equals(AUTOENCODER) || name.equals(TEACHER);
  }

  static void main(String... arguments) throws IOException {
    int batch = Integer.parseInt(arguments[2]);
    double seconds = Double.parseDouble(arguments[3]);
    Settings settings = Settings.preset("pictures");
    String changed = System.getProperty(SET, "");
    if (!changed.isEmpty()) {
      settings.assign(changed);
    }
    try (Device device = BenchDevice.open();
        PictureTraining training =
            arguments[0].equals(AUTOENCODER)
                ? autoencoder(device, settings, batch)
                : teacher(device, settings, batch)) {
      System.out.println(
          switch (arguments[1]) {
            case "train" -> training.train(seconds);
            case "profile-train" -> training.profile(seconds);
            default ->
                throw new IllegalArgumentException(
                    AUTOENCODER + " and " + TEACHER + " know train and profile-train");
          });
    }
  }

  private static PictureTraining autoencoder(Device device, Settings settings, int batch) {
    settings.set("autoencoder.batch", batch);
    settings.set("autoencoder.precision", BenchDevice.precision());
    AutoencoderSettings run = settings.section("autoencoder", AutoencoderSettings.class);
    VariationalAutoencoderConfig config = run.network().network(run.divergence());
    int side = run.network().imageSize();
    Owned owned = new Owned();
    Network<VariationalAutoencoderConfig, ComponentCard> network =
        owned.add(Network.fresh(device, config, new ComponentCard(AUTOENCODER, Map.of()), SEED));
    Examples noise = new Noise(new Shape(side, side, run.network().inChannels()), 0);
    AutoencoderTrainer trainer = owned.add(new AutoencoderTrainer(network, noise, run, SEED));
    return new PictureTraining(AUTOENCODER, batch, owned, network, trainer, trainer.plan());
  }

  private static PictureTraining teacher(Device device, Settings settings, int batch) {
    CaptionedTeacherSettings run =
        settings.section("latentTeacher", CaptionedTeacherSettings.class);
    List<String> texts = IntStream.range(0, CAPTIONS).mapToObj(i -> "picture " + i).toList();
    ClipTokenizer tokenizer = ClipTokenizer.trained(texts, run.merges());
    Shape latent = new Shape(LATENT_SIDE, LATENT_SIDE, LATENT_CHANNELS);
    TextUNetConfig config = run.network(tokenizer.size(), latent);
    SchedulerConfig scheduler = SchedulerConfig.stableDiffusion(SchedulerConfig.VELOCITY, true);
    ModelCard card =
        ModelCard.teacher("noise", List.of(), Map.of())
            .withDiffusion(scheduler.betas(), Parameterization.V, TRAILING);
    Owned owned = new Owned();
    Network<TextUNetConfig, ModelCard> network =
        owned.add(Network.fresh(device, config, card, SEED));
    TextConditioned told =
        new TextConditioned(network, TokenTable.of(tokenizer, texts, config.text().positions()));
    Trainer trainer =
        owned.add(
            new Trainer(
                told,
                new Noise(latent, CAPTIONS),
                batch,
                BenchDevice.precision(),
                SEED,
                run.run().optimizer(),
                (drawn, draws) ->
                    new TeacherObjective(
                        drawn,
                        draws,
                        run.run().weighting(),
                        run.captionDropout(),
                        told.without().orElseThrow())));
    return new PictureTraining(TEACHER, batch, owned, network, trainer, trainer.plan());
  }

  private String train(double seconds) throws IOException {
    update();
    long firstUpdate = updates;
    long cpu = processorTime();
    RunTimes times = RunTimes.of(this::update, seconds);
    double each = (processorTime() - cpu) / 1e9 / (updates - firstUpdate);
    return times.result(
        name,
        "train",
        batch,
        String.format(
            Locale.ROOT,
            "%s, processor %.4f s an update, %.1f examples a second of one core",
            NetworkRun.work(plan),
            each,
            batch / each));
  }

  private String profile(double seconds) throws IOException {
    RunTimes times = RunTimes.of(this::update, seconds);
    PlanProfile profile =
        PlanProfile.training(
            plan,
            Math.min(times.count(), RunTimes.LEAST),
            UPDATE_FLOATS * network.weights().bytes(),
            () -> step.optimizer().update(LEARNING_RATE));
    return times.result(name, "train", batch, "profile:")
        + "\n"
        + NetworkRun.text(profile, network.device());
  }

  private void update() {
    step.step(updates, LEARNING_RATE);
    updates++;
  }

  /** Nanoseconds of all processors that this process has taken. */
  private static long processorTime() {
    return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
        .getProcessCpuTime();
  }

  @Override
  public void close() {
    owned.close();
  }

  /**
   * Examples of noise, the same for all.
   *
   * @param conditions how many there are
   */
  private record Noise(Shape shape, int conditions, float[] values) implements Examples {
    private Noise(Shape shape, int conditions) {
      this(shape, conditions, new float[shape.size()]);
      Philox.normal(SEED, 0, 0, values);
    }

    @Override
    public int count() {
      return CAPTIONS;
    }

    @Override
    public int condition(int index, long example, ExampleDraws draws) {
      return index % conditions;
    }

    @Override
    public void write(
        int index, long example, ExampleDraws draws, MemorySegment destination, long byteOffset) {
      MemorySegment.copy(values, 0, destination, ValueLayout.JAVA_FLOAT, byteOffset, values.length);
    }

    @Override
    public String identity() {
      return "noise";
    }
  }
}
