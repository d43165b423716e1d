package org.halfstep.model;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.List;
import java.util.Map;
import org.halfstep.diffusion.Betas;
import org.halfstep.diffusion.Chain;
import org.halfstep.diffusion.ContinuousNoise;
import org.halfstep.diffusion.DiscreteSchedule;
import org.halfstep.diffusion.NoiseSchedule;
import org.halfstep.diffusion.Parameterization;
import org.halfstep.diffusion.ScheduleName;
import org.halfstep.diffusion.Solver;
import org.halfstep.diffusion.TimeGrid;
import org.halfstep.files.Json;

/**
 * What a weights file says of itself beside the network's shape: what the network was trained to
 * be, and from what.
 *
 * @param role teacher, guided student of stage one, few-step student of stage two, or a naive one
 * @param dataset name of the training data
 * @param classNames one per class
 * @param steps the one step count a student was distilled for; null where any number works
 * @param chain what a student's steps were distilled for; null for others
 * @param guidanceMin smallest guidance strength w the network takes; null where it takes none
 * @param guidanceMax largest one; the network's input is w / guidanceMax
 * @param maxLogSnr the cosine schedule is truncated to ±this; not used where there are betas
 * @param betas of a discrete schedule; null for the cosine schedule
 * @param prediction what the network's output is; null for v
 * @param noise a continuous schedule other than the truncated cosine; null for that, and where
 *     there are betas
 * @param grid at which times samplers evaluate it; null for i/N down to the image
 * @param provenance how it was made, for people: updates, batch, seed, …
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
@JsonIgnoreProperties(ignoreUnknown = true)
public record ModelCard(
    Role role,
    String dataset,
    List<String> classNames,
    Integer steps,
    Chain chain,
    Double guidanceMin,
    Double guidanceMax,
    double maxLogSnr,
    Betas betas,
    Parameterization prediction,
    ContinuousNoise noise,
    TimeGrid grid,
    Map<String, String> provenance)
    implements Card {

  /** Where in the two stages of distillation a network stands. */
  public enum Role {
    /** Trained on data, guided by a second evaluation without label. */
    TEACHER,
    /** Stage one: one evaluation with the guidance strength as input, any number of steps. */
    GUIDED,
    /** Stage two: one step count. */
    STUDENT,
    /** Halved without stage one: one step count, guided by a second evaluation like a teacher. */
    NAIVE
  }

  /** Most steps that a student can have been made for. */
  public static final int MAXIMUM_STEPS = 1 << 16;

  private static final double MAXIMUM_GUIDANCE = 1_000;
  private static final double LARGEST_LOG_SNR = 100;

  public ModelCard {
    dataset = CardText.line("model card: dataset", dataset);
    classNames = CardText.names("model card: classNames", classNames);
    provenance = CardText.entries("model card: provenance", provenance);
    if (role == null) {
      throw new IllegalArgumentException(
          "model card: role is missing (TEACHER, GUIDED, STUDENT or NAIVE)");
    }
    boolean halved = role == Role.STUDENT || role == Role.NAIVE;
    if (halved && (steps == null || steps < 1 || steps > MAXIMUM_STEPS)) {
      throw new IllegalArgumentException(
          "model card: a student must say its number of steps, 1 to "
              + MAXIMUM_STEPS
              + ", got "
              + steps);
    }
    if (takesGuidance(role)
        && (guidanceMin == null
            || guidanceMax == null
            || !(guidanceMin >= 0
                && guidanceMax >= guidanceMin
                && guidanceMax <= MAXIMUM_GUIDANCE))) {
      throw new IllegalArgumentException(
          "model card: a distilled network must say its guidance range, within 0 to "
              + MAXIMUM_GUIDANCE
              + ", got "
              + guidanceMin
              + " to "
              + guidanceMax);
    }
    if (!(maxLogSnr > 0 && maxLogSnr <= LARGEST_LOG_SNR)) {
      throw new IllegalArgumentException(
          "model card: maxLogSnr must be above 0 and at most "
              + LARGEST_LOG_SNR
              + ", got "
              + maxLogSnr);
    }
    if (noise != null && betas != null) {
      throw new IllegalArgumentException(
          "model card: has betas and a continuous noise; expected one of them");
    }
  }

  private static boolean takesGuidance(Role role) {
    return role == Role.GUIDED || role == Role.STUDENT;
  }

  /**
   * Whether the guidance strength is an input of the network; else guidance costs a second
   * evaluation.
   */
  public boolean takesGuidance() {
    return takesGuidance(role);
  }

  /** Whether it was distilled for one number of steps, and takes no other. */
  public boolean hasOwnSteps() {
    return steps != null;
  }

  /** Whether its steps lead from images to noise. */
  public boolean encodes() {
    return chain == Chain.ENCODER;
  }

  /** A teacher's card. */
  public static ModelCard teacher(
      String dataset, List<String> classNames, Map<String, String> provenance) {
    return new ModelCard(
        Role.TEACHER,
        dataset,
        classNames,
        null,
        null,
        null,
        null,
        NoiseSchedule.MAX_LOG_SNR,
        null,
        null,
        null,
        null,
        provenance);
  }

  /** The noise schedule that the network was trained with. */
  public NoiseSchedule noiseSchedule() {
    if (noise != null) {
      return noise.schedule(maxLogSnr);
    }
    return betas == null
        ? new NoiseSchedule.TruncatedCosine(maxLogSnr)
        : DiscreteSchedule.of(betas);
  }

  /**
   * What images in [-1, 1] are divided by before the network sees them, and multiplied with after:
   * 1, or the deviation of EDM's data.
   */
  public double imageScale() {
    return noise != null && noise.kind() == ContinuousNoise.Kind.KARRAS ? noise.sigmaData() : 1;
  }

  /** What the network's output is. */
  public Parameterization predicts() {
    return prediction == null ? Parameterization.V : prediction;
  }

  /** The times that samplers evaluate the network at. */
  public TimeGrid timeGrid() {
    return grid == null ? TimeGrid.UNIFORM : grid;
  }

  /**
   * Noise and times, each allowed, may not go together.
   *
   * @throws IllegalArgumentException in one line, where they do not
   */
  public void requireTimes() {
    try {
      timeGrid().times(noiseSchedule(), steps == null ? 1 : steps);
    } catch (IllegalArgumentException impossible) {
      throw new IllegalArgumentException("model card: " + impossible.getMessage(), impossible);
    }
  }

  /** The solver that a student was distilled for; DDIM for networks of any number of steps. */
  public Solver solver() {
    return chain == null ? Solver.DDIM : chain.solver();
  }

  /** The same with a discrete noise schedule, another output, and the times to sample at. */
  public ModelCard withDiffusion(Betas newBetas, Parameterization output, TimeGrid newGrid) {
    return new ModelCard(
        role,
        dataset,
        classNames,
        steps,
        chain,
        guidanceMin,
        guidanceMax,
        maxLogSnr,
        newBetas,
        output,
        newBetas == null ? noise : null,
        newGrid,
        provenance);
  }

  /**
   * The same for a network that predicts v on a schedule.
   *
   * @param name null for the truncated cosine
   * @param side of its images in pixels
   */
  public ModelCard withSchedule(ScheduleName name, int side) {
    return switch (name) {
      case null -> withNoise(null, null);
      case COSINE -> withNoise(null, null);
      case SHIFTED_COSINE -> withNoise(ContinuousNoise.shiftedFor(side), null);
      case LINEAR -> withDiffusion(Betas.LINEAR.withZeroTerminal(), null, null);
    };
  }

  /** The same with a continuous noise schedule, and another output. */
  public ModelCard withNoise(ContinuousNoise newNoise, Parameterization output) {
    return new ModelCard(
        role,
        dataset,
        classNames,
        steps,
        chain,
        guidanceMin,
        guidanceMax,
        maxLogSnr,
        null,
        output,
        newNoise,
        grid,
        provenance);
  }

  /** The card of the same kind of model that was taught to predict v by the one with this card. */
  public ModelCard velocity(Map<String, String> newProvenance) {
    return withDiffusion(betas, null, grid).withProvenance(newProvenance);
  }

  /** The same for a network whose last level is noise alone. */
  public ModelCard withNoiseEnd() {
    return withDiffusion(betas.withZeroTerminal(), prediction, grid);
  }

  /** The same with other words on how it was made. */
  public ModelCard withProvenance(Map<String, String> other) {
    return new ModelCard(
        role,
        dataset,
        classNames,
        steps,
        chain,
        guidanceMin,
        guidanceMax,
        maxLogSnr,
        betas,
        prediction,
        noise,
        grid,
        other);
  }

  /** The card of a stage-one student, which predicts v, of the model with this card. */
  public ModelCard guided(double min, double max, Map<String, String> newProvenance) {
    return distilled(Role.GUIDED, null, null, min, max).withProvenance(newProvenance);
  }

  /** The card of a few-step student of the model with this card. */
  public ModelCard student(int newSteps, Chain newChain, Map<String, String> newProvenance) {
    return distilled(Role.STUDENT, newSteps, newChain, guidanceMin, guidanceMax)
        .withProvenance(newProvenance);
  }

  /** The card of a student of the model with this card that was halved without stage one. */
  public ModelCard naive(int newSteps, Chain newChain, Map<String, String> newProvenance) {
    return distilled(Role.NAIVE, newSteps, newChain, null, null).withProvenance(newProvenance);
  }

  /** What distillation made of it: a network that predicts v. */
  private ModelCard distilled(
      Role newRole, Integer newSteps, Chain newChain, Double min, Double max) {
    return new ModelCard(
        newRole,
        dataset,
        classNames,
        newSteps,
        newChain,
        min,
        max,
        maxLogSnr,
        betas,
        null,
        noise,
        grid,
        provenance);
  }

  @Override
  public String toJson() {
    return Json.text(this);
  }

  public static ModelCard fromJson(String json) {
    return Json.parse(ModelCard.class, "model card", json);
  }
}
