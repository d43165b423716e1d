package org.halfstep.checkpoint;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
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
    SchedulerConfig usual = usual(0.00085, 0.012, EPSILON);
    ObjectNode json = usual.json.deepCopy();
    json.put("_class_name", "LCMScheduler");
    json.put("set_alpha_to_one", true);
    return new SchedulerConfig(
        "LCMScheduler",
        usual.betaStart,
        usual.betaEnd,
        usual.betaSchedule,
        usual.trainSteps,
        usual.prediction,
        usual.stepsOffset,
        true,
        usual.spacing,
        false,
        json);
  }

  private static SchedulerConfig usual(double start, double end, String prediction) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("_class_name", "DDIMScheduler");
    json.put("beta_end", end);
    json.put("beta_schedule", SCALED);
    json.put("beta_start", start);
    json.put("clip_sample", false);
    json.put("num_train_timesteps", STEPS);
    json.put("prediction_type", prediction);
    json.put("set_alpha_to_one", false);
    json.put("skip_prk_steps", true);
    json.put("steps_offset", 1);
    return new SchedulerConfig(
        "DDIMScheduler", start, end, SCALED, STEPS, prediction, 1, false, "leading", false, json);
  }

  /**
   * What the folder of a network that was distilled on this noise schedule says: it predicts v, and
   * is sampled by DDIM at the trailing steps, down to the image. Stock pipelines take such a folder
   * as it is.
   */
  public SchedulerConfig distilled() {
    ObjectNode own = JsonNodeFactory.instance.objectNode();
    own.put("_class_name", "DDIMScheduler");
    own.put("beta_end", betaEnd);
    own.put("beta_schedule", betaSchedule);
    own.put("beta_start", betaStart);
    own.put("clip_sample", false);
    own.put("num_train_timesteps", trainSteps);
    own.put("prediction_type", VELOCITY);
    own.put("rescale_betas_zero_snr", zeroTerminal);
    own.put("set_alpha_to_one", true);
    own.put("steps_offset", 1); // not used by trailing steps; another value makes pipelines warn
    own.put("timestep_spacing", TRAILING);
    return new SchedulerConfig(
        "DDIMScheduler",
        betaStart,
        betaEnd,
        betaSchedule,
        trainSteps,
        VELOCITY,
        1,
        true,
        TRAILING,
        zeroTerminal,
        own);
  }

  /** The same with a last level of pure noise, to which the others are rescaled. */
  public SchedulerConfig withZeroTerminal() {
    ObjectNode changed = json.deepCopy();
    changed.put("rescale_betas_zero_snr", true);
    changed.put("timestep_spacing", TRAILING);
    return new SchedulerConfig(
        className,
        betaStart,
        betaEnd,
        betaSchedule,
        trainSteps,
        prediction,
        stepsOffset,
        cleanEnd,
        TRAILING,
        true,
        changed);
  }

  /** The same schedule for a network that predicts something else. */
  SchedulerConfig withPrediction(String other) {
    ObjectNode changed = json.deepCopy();
    changed.put("prediction_type", other);
    return new SchedulerConfig(
        className,
        betaStart,
        betaEnd,
        betaSchedule,
        trainSteps,
        other,
        stepsOffset,
        cleanEnd,
        spacing,
        zeroTerminal,
        changed);
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
