package org.halfstep.report;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;

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
 */
public record ReportPlan(
    int samples,
    int teacherSamples,
    int teacherSteps,
    int sweepSteps,
    List<Double> guidances,
    List<Long> seeds) {
  /** Images made and measured at a time. */
  static final int BATCH = 48;

  /**
   * One setting to measure.
   *
   * @param samples numbers of images to answer for, ascending
   */
  record Item(ReportedModel model, int steps, double guidance, long seed, List<Integer> samples) {
    int most() {
      return samples.getLast();
    }

    String describe() {
      return model.name()
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
    require(teacherSamples <= samples, "a teacher cannot have more samples than the students");
    require(teacherSteps >= 1 && sweepSteps >= 1, "steps must be at least 1");
    require(
        sweepSteps <= teacherSteps,
        "a sweep takes at most the teacher's " + teacherSteps + " steps, got " + sweepSteps);
    require(!guidances.isEmpty() && guidances.getFirst() >= 0, "guidance w must be at least 0");
    require(!seeds.isEmpty(), "there must be a seed");
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw new IllegalArgumentException(message);
    }
  }

  /** All settings of models of one number of steps. */
  List<Item> students(List<ReportedModel> models) {
    List<Integer> counts =
        samples == teacherSamples ? List.of(samples) : List.of(teacherSamples, samples);
    List<Item> items = new ArrayList<>();
    for (long seed : seeds) {
      for (ReportedModel model : models) {
        for (double guidance : guidances) {
          if (model.hasOwnSteps() && model.takes(guidance)) {
            items.add(new Item(model, model.model().card().steps(), guidance, seed, counts));
          }
        }
      }
    }
    return items;
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
          items.add(new Item(teacher, sweepSteps, guidance, seed, List.of(teacherSamples)));
        }
      }
    }
    return items;
  }

  /** The teacher at full steps and the guidance strength that the sweep found best. */
  List<Item> best(ReportedModel teacher, double guidance) {
    return seeds.stream()
        .map(seed -> new Item(teacher, teacherSteps, guidance, seed, List.of(teacherSamples)))
        .toList();
  }
}
