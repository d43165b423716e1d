package org.halfstep.report;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import org.halfstep.diffusion.Solver;

/**
 * What a report measures.
 *
 * @param samples images of a student at each guidance strength and seed
 * @param teacherSamples images of a teacher; where it is smaller than {@code samples}, students are
 *     measured on as many as well, since only numbers of equally many images can be compared
 * @param teacherSteps steps of the teacher that students are compared with
 * @param sweepSteps steps at which the teacher's best guidance strength is found, at most {@code
 *     teacherSteps}; when fewer, only the best one is measured at {@code teacherSteps}
 * @param guidances strengths w
 * @param seeds of the noise; the teacher's sweep uses the first
 * @param evaluations of the teacher's network, without guidance, that other solvers are measured
 *     at; empty for no other solver
 */
public record ReportPlan(
    int samples,
    int teacherSamples,
    int teacherSteps,
    int sweepSteps,
    List<Double> guidances,
    List<Long> seeds,
    List<Integer> evaluations) {
  /** Images made and measured at a time. */
  static final int BATCH = 48;

  /** What a teacher is compared by, at equal evaluations. */
  static final List<Solver> SOLVERS =
      List.of(Solver.ANCESTRAL, Solver.DDIM, Solver.DPM_SOLVER, Solver.HEUN);

  /**
   * One setting to measure.
   *
   * @param sampler another solver than the model's own; null for its own
   * @param samples numbers of images to answer for, ascending
   */
  record Item(
      ReportedModel model,
      Solver sampler,
      int steps,
      double guidance,
      long seed,
      List<Integer> samples) {
    int most() {
      return samples.getLast();
    }

    String describe() {
      return model.name()
          + Series.by(sampler)
          + ", "
          + Series.steps(steps)
          + ", w = "
          + Numbers.plain(guidance)
          + ", seed "
          + seed;
    }
  }

  /** What all numbers of a report are measured against. */
  record Scale(String reference, String extractorSha256) {}

  public ReportPlan {
    guidances = List.copyOf(new TreeSet<>(guidances));
    seeds = seeds.stream().distinct().toList();
    evaluations = List.copyOf(new TreeSet<>(evaluations).descendingSet());
    require(evaluations.isEmpty() || evaluations.getLast() >= 1, "evaluations must be at least 1");
    require(teacherSamples <= samples, "a teacher cannot have more samples than the students");
    require(teacherSteps >= 1 && sweepSteps >= 1, "steps must be at least 1");
    require(
        sweepSteps <= teacherSteps,
        "a sweep takes at most the teacher's " + teacherSteps + " steps, got " + sweepSteps);
    require(!guidances.isEmpty() && guidances.getFirst() >= 0, "guidance w must be at least 0");
    require(!seeds.isEmpty(), "there must be a seed");
  }

  /** Without other solvers. */
  public ReportPlan(
      int samples,
      int teacherSamples,
      int teacherSteps,
      int sweepSteps,
      List<Double> guidances,
      List<Long> seeds) {
    this(samples, teacherSamples, teacherSteps, sweepSteps, guidances, seeds, List.of());
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw new IllegalArgumentException(message);
    }
  }

  /** All settings of models of one number of steps. */
  List<Item> students(List<ReportedModel> models) {
    List<Item> items = new ArrayList<>();
    for (long seed : seeds) {
      for (ReportedModel model : models) {
        for (double guidance : guidances) {
          if (model.hasOwnSteps() && model.takes(guidance)) {
            items.add(
                new Item(model, null, model.model().card().steps(), guidance, seed, counts()));
          }
        }
      }
    }
    return items;
  }

  private List<Integer> counts() {
    return samples == teacherSamples ? List.of(samples) : List.of(teacherSamples, samples);
  }

  /** A teacher by the solvers that people compare with, at equal evaluations. */
  List<Item> solvers(ReportedModel teacher) {
    List<Item> items = new ArrayList<>();
    for (long seed : seeds) {
      for (Way way : ways()) {
        for (double guidance : guidances) {
          if (teacher.takes(guidance)) {
            items.add(new Item(teacher, way.sampler(), way.steps(), guidance, seed, counts()));
          }
        }
      }
    }
    return items;
  }

  /**
   * How a teacher is sampled beside its own many steps.
   *
   * @param sampler null for the teacher's own, which is DDIM
   */
  record Way(Solver sampler, int steps) {}

  private List<Way> ways() {
    List<Way> ways = new ArrayList<>();
    for (int number : evaluations) {
      for (Solver solver : SOLVERS) {
        ways.add(new Way(solver == Solver.DDIM ? null : solver, solver.stepsWithin(number)));
      }
    }
    return ways;
  }

  /**
   * What is timed.
   *
   * @param unguided at w = 0
   */
  record Timed(ReportedModel model, Solver sampler, int steps, boolean unguided) {}

  /**
   * Every model at its steps, and with other solvers these too; teachers, and naive students, at w
   * = 0 as well, which costs less.
   */
  List<Timed> timed(List<ReportedModel> models) {
    List<Timed> timed = new ArrayList<>();
    for (ReportedModel model : models) {
      List<Way> own = new ArrayList<>();
      if (model.hasOwnSteps()) {
        own.add(new Way(null, model.model().card().steps()));
      } else {
        new TreeSet<>(List.of(sweepSteps, teacherSteps)).forEach(n -> own.add(new Way(null, n)));
        own.addAll(ways());
      }
      for (Way way : own.stream().distinct().toList()) {
        timed.add(new Timed(model, way.sampler(), way.steps(), false));
        if (model.paysForGuidance()) {
          timed.add(new Timed(model, way.sampler(), way.steps(), true));
        }
      }
    }
    return timed;
  }

  /**
   * The settings that find a teacher's best guidance strength, and at full steps are its result.
   */
  List<Item> sweep(ReportedModel teacher) {
    List<Item> items = new ArrayList<>();
    List<Long> used = sweepSteps < teacherSteps ? seeds.subList(0, 1) : seeds;
    for (long seed : used) {
      for (double guidance : guidances) {
        if (teacher.takes(guidance)) {
          items.add(new Item(teacher, null, sweepSteps, guidance, seed, List.of(teacherSamples)));
        }
      }
    }
    return items;
  }

  /** The teacher at full steps and the guidance strength that the sweep found best. */
  List<Item> best(ReportedModel teacher, double guidance) {
    return seeds.stream()
        .map(seed -> new Item(teacher, null, teacherSteps, guidance, seed, List.of(teacherSamples)))
        .toList();
  }
}
