package org.halfstep.distill;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.halfstep.diffusion.LearningRate;
import org.halfstep.graph.PlanOptions;
import org.halfstep.graph.Weights;
import org.halfstep.model.ModelCard;
import org.halfstep.random.Philox;
import org.halfstep.train.ConditionedNetwork;
import org.halfstep.train.Examples;
import org.halfstep.train.PhaseRun;
import org.halfstep.train.Progress;
import org.halfstep.train.RunListener;
import org.halfstep.train.RunSettings;
import org.halfstep.train.Trainer;

/**
 * How the phases of a distillation train a student and keep it.
 *
 * @param held examples that are not learned from, to measure with, whose conditions have numbers in
 *     the same table; null for none
 * @param recomputes whether a student's blocks run once more on the way back
 * @param given weights that one of the students begins with; null where all begin with their
 *     teacher's
 */
record StudentTraining(
    DistilledModels models,
    Examples examples,
    Examples held,
    DistillationSettings settings,
    boolean recomputes,
    GivenWeights given,
    RunListener listener,
    PhaseRun phases) {
  /**
   * What one phase, or one stage of it, is.
   *
   * @param name in checkpoints
   * @param stage of the phase, from 0
   * @param title for people
   * @param stream of the run's seed
   * @param rate over its updates
   * @param kept where its student goes
   */
  record Phase(
      String name,
      int stage,
      String title,
      long stream,
      RunSettings run,
      LearningRate rate,
      long updates,
      Path kept) {}

  /** When a student has learned enough, and what is said of it. */
  interface Verdict {
    /** All updates of the phase are made, and nothing is said. */
    Verdict NONE =
        new Verdict() {
          @Override
          public boolean isEnough(ConditionedNetwork student, Weights weights, long updates) {
            return false;
          }

          @Override
          public void afterwards(ConditionedNetwork student, Weights weights) {}
        };

    /** Asked at checkpoints: true ends the phase. */
    boolean isEnough(ConditionedNetwork student, Weights weights, long updates);

    /** Called when the student is trained and kept. */
    void afterwards(ConditionedNetwork student, Weights weights);
  }

  /** Whether the newest checkpoint stands in one of these phases. */
  boolean isIn(String... names) throws IOException {
    Optional<Progress> saved = phases.saved();
    return saved.isPresent() && List.of(names).contains(saved.get().phase());
  }

  /** Whether a phase is done: its student is kept as it was written. */
  boolean isDone(String phase, int stage, long updates, Path kept) throws IOException {
    return phases.isDone(phase, stage, updates, kept);
  }

  /**
   * Trains a student from where the newest checkpoint stands, and keeps it.
   *
   * @param teacher whose weights it begins with
   * @param from the file of the teacher, where it is one of the run's own; else null
   * @param guided whether it takes the guidance strength
   * @param card of the student
   * @param begun whether it begins with the given weights instead
   * @return whether all updates are done; false when it was asked to stop
   */
  boolean train(
      Phase phase,
      ConditionedNetwork teacher,
      Path from,
      boolean guided,
      ModelCard card,
      boolean begun,
      Trainer.ObjectiveFactory objective,
      Verdict verdict)
      throws IOException {
    ConditionedNetwork student =
        begun
            ? given.student(models, teacher, guided, card)
            : models.student(teacher, guided, card);
    long seed = Philox.childSeed(settings.seed(), phase.stream());
    RunSettings run = phase.run();
    try (var _ = student.network();
        Trainer trainer =
            new Trainer(
                student,
                examples,
                PlanOptions.training(run.batch(), seed)
                    .withType(run.precision())
                    .withRecomputation(recomputes),
                seed,
                run.optimizer(),
                objective)) {
      boolean done =
          phases.run(
              phase.name(),
              phase.stage(),
              phase.title(),
              from,
              student.network(),
              trainer,
              begun ? phase.rate().risingOver(RunSettings.SHORT_WARM_UP) : phase.rate(),
              phase.updates(),
              updates -> verdict.isEnough(student, trainer.optimizer().result(), updates),
              updates -> {
                ModelCard said = card.withProvenance(provenance(phase, updates, begun));
                models.save(student, said, trainer.optimizer().result(), phase.kept());
                listener.saved(models.shown(phase.kept()));
                return phase.kept();
              });
      if (done) {
        verdict.afterwards(student, trainer.optimizer().result());
      }
      return done;
    }
  }

  /** What a student's card says of how it was made. */
  private Map<String, String> provenance(Phase phase, long updates, boolean begun) {
    Map<String, String> facts = new LinkedHashMap<>();
    facts.put("updates", Long.toString(updates));
    facts.put("batch", Integer.toString(phase.run().batch()));
    facts.put("seed", Long.toString(settings.seed()));
    if (begun) {
      facts.put("from", given.sha256());
    }
    return facts;
  }
}
