package org.halfstep.checkpoint;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.function.Consumer;
import org.halfstep.diffusion.Betas;
import org.halfstep.diffusion.Parameterization;
import org.halfstep.files.DataException;

/**
 * The noise schedule and sampler of a checkpoint, as a scheduler_config.json states them. A key
 * that is missing has the value that its class gives it.
 *
 * @param className the class of diffusers, such as "PNDMScheduler"
 * @param betaStart the first beta
 * @param betaEnd the last beta
 * @param betaSchedule "scaled_linear" or "linear"
 * @param trainSteps how many betas there are
 * @param prediction what the network predicts: {@link #EPSILON}, {@link #VELOCITY} or "sample"
 * @param stepsOffset added to every index of leading spacing
 * @param cleanEnd whether the last step ends without noise, and not at the level of index 0
 * @param spacing "leading", "trailing" or "linspace"
 * @param zeroTerminal whether the betas are rescaled so that the last level is noise alone
 * @param json the whole file
 */
public record SchedulerConfig(
    String className,
    double betaStart,
    double betaEnd,
    String betaSchedule,
    int trainSteps,
    String prediction,
    int stepsOffset,
    boolean cleanEnd,
    String spacing,
    boolean zeroTerminal,
    ObjectNode json) {
  /** The network predicts the noise. */
  public static final String EPSILON = "epsilon";

  /** The network predicts v = alpha eps - sigma x. */
  public static final String VELOCITY = "v_prediction";

  private static final String SCALED = "scaled_linear";
  private static final String TRAILING = "trailing";
  private static final int STEPS = 1000;

  /** Reads a scheduler_config.json. */
  static SchedulerConfig of(ObjectNode json, ConfigKeys keys) throws DataException {
    String name = keys.text("_class_name", "DDIMScheduler");
    boolean consistency = name.equals("LCMScheduler");
    boolean multistep = name.equals("PNDMScheduler");
    keys.require("trained_betas", null, null);
    String schedule = keys.text("beta_schedule", consistency ? SCALED : "linear");
    if (!schedule.equals(SCALED) && !schedule.equals("linear")) {
      throw keys.refuse("beta_schedule", "is " + schedule + "; expected " + SCALED + " or linear");
    }
    String prediction = keys.text("prediction_type", EPSILON);
    if (!prediction.equals(EPSILON)
        && !prediction.equals(VELOCITY)
        && !prediction.equals("sample")) {
      throw keys.refuse(
          "prediction_type",
          "is " + prediction + "; expected " + EPSILON + ", " + VELOCITY + " or sample");
    }
    boolean spaced = name.startsWith("Euler") || name.startsWith("DPMSolver");
    String spacing = keys.text("timestep_spacing", spaced ? "linspace" : "leading");
    if (!spacing.equals("leading") && !spacing.equals(TRAILING) && !spacing.equals("linspace")) {
      throw keys.refuse(
          "timestep_spacing", "is " + spacing + "; expected leading, trailing or linspace");
    }
    int steps = keys.whole("num_train_timesteps", STEPS, 2, 100_000);
    double start = keys.number("beta_start", consistency ? 0.00085 : 0.0001, 1e-9, 0.999);
    double end = keys.number("beta_end", consistency ? 0.012 : 0.02, 1e-9, 0.999);
    return new SchedulerConfig(
        name,
        start,
        end,
        schedule,
        steps,
        prediction,
        keys.whole("steps_offset", 0, 0, steps - 1),
        keys.flag("set_alpha_to_one", !multistep),
        spacing,
        keys.flag("rescale_betas_zero_snr", false),
        json);
  }

  /** What folders of Stable Diffusion say: the noise schedule of its networks, sampled by DDIM. */
  public static SchedulerConfig stableDiffusion(String prediction, boolean zeroTerminal) {
    SchedulerConfig usual = usual(0.00085, 0.012, prediction);
    return zeroTerminal ? usual.withZeroTerminal() : usual;
  }

  /** The schedule of the class-conditional networks of latent diffusion. */
  static SchedulerConfig latentDiffusion() {
    return usual(0.0015, 0.0195, EPSILON);
  }

  /** What folders of latent consistency models say. */
  static SchedulerConfig consistency() {
    return usual(0.00085, 0.012, EPSILON)
        .with(written -> written.put("_class_name", "LCMScheduler").put("set_alpha_to_one", true));
  }

  /** DDIM at leading steps; the end is the first level. */
  private static SchedulerConfig usual(double start, double end, String prediction) {
    ObjectNode written = ddim(start, end, SCALED, STEPS, prediction, false);
    return of(written.put("skip_prk_steps", true));
  }

  /**
   * What the folder of a network that was distilled on this noise schedule says: it predicts v, and
   * is sampled by DDIM at the trailing steps, down to the image. Stock pipelines take such a folder
   * as it is.
   */
  public SchedulerConfig distilled() {
    ObjectNode written = ddim(betaStart, betaEnd, betaSchedule, trainSteps, VELOCITY, true);
    written.put("rescale_betas_zero_snr", zeroTerminal);
    return of(written.put("timestep_spacing", TRAILING));
  }

  /** The keys that every file has which is written here; {@link #of} reads them back. */
  private static ObjectNode ddim(
      double start, double end, String schedule, int steps, String prediction, boolean clean) {
    ObjectNode written = JsonNodeFactory.instance.objectNode();
    written.put("_class_name", "DDIMScheduler");
    written.put("beta_end", end);
    written.put("beta_schedule", schedule);
    written.put("beta_start", start);
    written.put("clip_sample", false);
    written.put("num_train_timesteps", steps);
    written.put("prediction_type", prediction);
    written.put("set_alpha_to_one", clean);
    written.put("steps_offset", 1); // trailing steps use none; another value makes pipelines warn
    return written;
  }

  /** The same with a last level of pure noise, to which the others are rescaled. */
  public SchedulerConfig withZeroTerminal() {
    return with(
        written -> written.put("rescale_betas_zero_snr", true).put("timestep_spacing", TRAILING));
  }

  /** The same schedule for a network that predicts something else. */
  SchedulerConfig withPrediction(String other) {
    return with(written -> written.put("prediction_type", other));
  }

  /** What the file says with some of its keys changed. */
  private SchedulerConfig with(Consumer<ObjectNode> change) {
    ObjectNode changed = json.deepCopy();
    change.accept(changed);
    return of(changed);
  }

  /** Keys that are written here are never refused. */
  private static SchedulerConfig of(ObjectNode written) {
    try {
      return of(written, new ConfigKeys(written, "scheduler_config.json", _ -> {}));
    } catch (DataException impossible) {
      throw new IllegalStateException(impossible.getMessage(), impossible);
    }
  }

  boolean isScaledLinear() {
    return betaSchedule.equals(SCALED) && betaEnd >= betaStart;
  }

  /** The betas before any rescaling. */
  Betas plainBetas() {
    return Betas.scaledLinear(betaStart, betaEnd, trainSteps);
  }

  /** What the network predicts. */
  public Parameterization parameterization() {
    return switch (prediction) {
      case EPSILON -> Parameterization.EPS;
      case VELOCITY -> Parameterization.V;
      default -> Parameterization.X;
    };
  }

  /**
   * The betas of its levels.
   *
   * @throws IllegalArgumentException in one line, when they do not rise
   */
  public Betas betas() {
    return new Betas(
        betaStart,
        betaEnd,
        trainSteps,
        zeroTerminal,
        betaSchedule.equals(SCALED) ? Betas.Rise.SCALED_LINEAR : Betas.Rise.LINEAR);
  }
}
