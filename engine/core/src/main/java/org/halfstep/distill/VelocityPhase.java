package org.halfstep.distill;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import org.halfstep.diffusion.Parameterization;
import org.halfstep.graph.Weights;
import org.halfstep.model.ModelCard;
import org.halfstep.random.Philox;
import org.halfstep.train.ConditionedNetwork;
import org.halfstep.train.Examples;
import org.halfstep.train.RunSettings;

/**
 * What comes first where the teacher predicts eps: it learns to predict v.
 *
 * @param settings null where stage one forms its targets from the teacher's eps
 */
record VelocityPhase(StudentTraining training, VelocitySettings settings) {
  static final String NAME = "velocity";

  // Far from those of any number of halvings.
  private static final long STREAM = 1000;
  private static final long MEASURED_STREAM = 1001;

  /** Examples of each bin of time that a network of v is compared with its teacher on. */
  private static final int MEASURED_PER_BIN = 32;

  /** Runs it where it is needed; false when it was asked to stop. */
  boolean run() throws IOException {
    DistilledModels models = training.models();
    Path kept = models.place(NAME);
    if (settings == null
        || training.isIn(GuidancePhase.NAME, HalvingPhase.NAME)
        || training.isDone(NAME, 0, settings.run().updates(), kept)) {
      return true;
    }
    ConditionedNetwork teacher = models.openTeacher();
    try (var _ = teacher.network()) {
      ModelCard card = teacher.network().card();
      if (card.predicts() == Parameterization.V) {
        return true;
      }
      Teachable.require(card, models.teacher());
      return run(teacher, kept);
    }
  }

  private boolean run(ConditionedNetwork teacher, Path kept) throws IOException {
    RunSettings run = settings.run();
    return training.train(
        new StudentTraining.Phase(
            NAME, 0, "from eps to v", STREAM, run, run.schedule(), run.updates(), kept),
        teacher,
        null,
        false,
        teacher.network().card().velocity(Map.of()),
        training.given() != null && training.given().isTeacher(),
        (batch, draws) ->
            new VelocityObjective(teacher, batch, draws, settings.ramp(), settings.dropout()),
        new Comparison(teacher));
  }

  /** The student beside its teacher: on held-out examples where there are some. */
  private final class Comparison implements StudentTraining.Verdict {
    private final ConditionedNetwork teacher;

    /** The teacher's errors, once they are measured: it does not change. */
    private double[][] known;

    Comparison(ConditionedNetwork teacher) {
      this.teacher = teacher;
    }

    @Override
    public boolean isEnough(ConditionedNetwork student, Weights weights, long updates) {
      if (settings.stopWithin() == null || updates < settings.rampUpdates()) {
        return false;
      }
      boolean met = measure(student, weights).worst() <= settings.stopWithin();
      if (met) {
        training.listener().note("from eps to v: its stop rule is met after update " + updates);
      }
      return met;
    }

    @Override
    public void afterwards(ConditionedNetwork student, Weights weights) {
      training.listener().note(measure(student, weights).describe());
    }

    private ConversionErrors measure(ConditionedNetwork student, Weights weights) {
      if (known == null) {
        known = errors(teacher, teacher.network().values());
      }
      return new ConversionErrors(known, errors(student, weights));
    }

    private double[][] errors(ConditionedNetwork network, Weights weights) {
      Examples held = training.held();
      return ConversionErrors.errors(
          network,
          weights,
          held == null ? training.examples() : held,
          MEASURED_PER_BIN,
          Math.min(settings.run().batch(), MEASURED_PER_BIN),
          Philox.childSeed(training.settings().seed(), MEASURED_STREAM));
    }
  }
}
