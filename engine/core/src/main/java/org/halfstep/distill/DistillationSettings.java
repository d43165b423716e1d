package org.halfstep.distill;

import com.fasterxml.jackson.annotation.JsonInclude;
import org.halfstep.diffusion.Chain;
import org.halfstep.diffusion.GuidanceRange;
import org.halfstep.diffusion.HalvingSchedule;
import org.halfstep.model.ModelCard;
import org.halfstep.train.RunSettings;

/**
 * Everything that decides what a teacher's students become, beside the data.
 *
 * @param guidance range of w
 * @param guidanceEmbedDim width of the embedding of w, from 2 to 16,384
 * @param guided stage one
 * @param halving stage two: its {@code updates} and {@code learningRate} are those of a stage with
 *     many steps; without moving average (emaDecay 0)
 * @param teacherSteps steps of the first halving's teacher, a power of two up to 65,536
 * @param lastSteps steps of the last student, a power of two below {@code teacherSteps}
 * @param updatesForFewSteps updates of a stage whose student has at most {@code fewSteps} steps, at
 *     least 1
 * @param fewSteps see {@code updatesForFewSteps}, at least 0
 * @param stochastic whether the students are for the stochastic sampler instead of the
 *     deterministic one
 * @param mirror whether images are flipped left to right at random
 * @param seed of everything random, any 64-bit number
 * @param checkpointEvery updates between checkpoints, at least 1
 * @param kind encoder for students that take images to noise at w = 0, naive for students without
 *     stage one; null for students that make images and take w
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record DistillationSettings(
    GuidanceRange guidance,
    int guidanceEmbedDim,
    RunSettings guided,
    RunSettings halving,
    int teacherSteps,
    int lastSteps,
    long updatesForFewSteps,
    int fewSteps,
    boolean stochastic,
    boolean mirror,
    long seed,
    long checkpointEvery,
    StudentKind kind) {
  private static final int MAXIMUM_EMBEDDING = 1 << 14;

  public DistillationSettings {
    if (guidance == null || guided == null || halving == null) {
      throw new IllegalArgumentException("guidance, guided and halving must be given");
    }
    if (guidanceEmbedDim < 2 || guidanceEmbedDim > MAXIMUM_EMBEDDING) {
      throw new IllegalArgumentException(
          "the embedding of w needs 2 to "
              + MAXIMUM_EMBEDDING
              + " numbers, got "
              + guidanceEmbedDim);
    }
    if (teacherSteps > ModelCard.MAXIMUM_STEPS) {
      throw new IllegalArgumentException(
          "a teacher has at most " + ModelCard.MAXIMUM_STEPS + " steps, got " + teacherSteps);
    }
    if (checkpointEvery < 1) {
      throw new IllegalArgumentException("checkpoints need at least one update between them");
    }
    if (halving.optimizer().hasEma()) {
      throw new IllegalArgumentException(
          "stage two uses no moving average: its rate falls to zero in each stage (emaDecay 0)");
    }
    if (kind == StudentKind.ENCODER && (stochastic || guidance.max() != 0)) {
      throw new IllegalArgumentException(
          "encoders are deterministic and take no guidance: stochastic must be false, guidance.min"
              + " and guidance.max 0, got "
              + stochastic
              + ", "
              + guidance.min()
              + " and "
              + guidance.max());
    }
    schedule(halving, teacherSteps, lastSteps, updatesForFewSteps, fewSteps);
  }

  /** Of students that make images and take the guidance strength. */
  public DistillationSettings(
      GuidanceRange guidance,
      int guidanceEmbedDim,
      RunSettings guided,
      RunSettings halving,
      int teacherSteps,
      int lastSteps,
      long updatesForFewSteps,
      int fewSteps,
      boolean stochastic,
      boolean mirror,
      long seed,
      long checkpointEvery) {
    this(
        guidance,
        guidanceEmbedDim,
        guided,
        halving,
        teacherSteps,
        lastSteps,
        updatesForFewSteps,
        fewSteps,
        stochastic,
        mirror,
        seed,
        checkpointEvery,
        null);
  }

  /** What the students' steps are made for. */
  public Chain chain() {
    if (kind == StudentKind.ENCODER) {
      return Chain.ENCODER;
    }
    return stochastic ? Chain.STOCHASTIC : Chain.DETERMINISTIC;
  }

  /** Whether there is a stage one: encoders and naive students begin with the teacher as it is. */
  public boolean absorbsGuidance() {
    return kind == null;
  }

  /** How many examples have no condition, for both networks: half of them for naive students. */
  public double conditionDropout() {
    return kind == StudentKind.NAIVE ? 0.5 : 0;
  }

  /** Name of a student with this number of steps: of its file, or the folder of a latent one. */
  public String student(int steps) {
    return (kind == StudentKind.ENCODER ? "encoder-" : "student-") + steps;
  }

  /** Updates of both stages. */
  public long totalUpdates() {
    return (absorbsGuidance() ? guided.updates() : 0) + schedule().totalUpdates();
  }

  /** The rounds of stage two. */
  public HalvingSchedule schedule() {
    return schedule(halving, teacherSteps, lastSteps, updatesForFewSteps, fewSteps);
  }

  private static HalvingSchedule schedule(
      RunSettings halving, int teacherSteps, int lastSteps, long updatesForFewSteps, int fewSteps) {
    return new HalvingSchedule(
        teacherSteps,
        lastSteps,
        halving.updates(),
        updatesForFewSteps,
        fewSteps,
        halving.learningRate());
  }
}
