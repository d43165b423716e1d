package org.halfstep.report;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import org.halfstep.diffusion.Solver;

/**
 * What a report of pictures of texts measures.
 *
 * @param samples pictures of each student, guidance strength and seed, and of the teacher at {@code
 *     sweepSteps}
 * @param teacherSamples pictures of the teacher at other steps, at most {@code samples}; all models
 *     are compared on equally many
 * @param teacherSteps steps of the teacher that students are compared with
 * @param teacherGuidances its guidance strengths then
 * @param sweepSteps steps of the teacher at every guidance strength
 * @param evaluations network evaluations at which the teacher is sampled with DDIM and
 *     DPM-Solver++(2M); two are a step
 * @param guidances guidance strengths
 * @param seeds of the noise
 * @param edits pictures that are edited, and inpainted; 0 for none
 * @param editSteps steps of the teacher in editing and inpainting
 * @param editGuidance guidance strength then
 * @param strengths of the edits
 * @param nearest samples whose nearest training pictures are looked for; 0 for none
 */
public record PicturePlan(
    int samples,
    int teacherSamples,
    int teacherSteps,
    List<Double> teacherGuidances,
    int sweepSteps,
    List<Integer> evaluations,
    List<Double> guidances,
    List<Long> seeds,
    int edits,
    int editSteps,
    double editGuidance,
    List<Double> strengths,
    int nearest) {

  /**
   * Pictures of one model at one setting.
   *
   * @param counts numbers of the first pictures that are looked at, ascending
   */
  record Item(
      ReportedLatent model,
      Solver sampler,
      int steps,
      double guidance,
      long seed,
      List<Integer> counts) {
    int most() {
      return counts.getLast();
    }

    String describe() {
      return model.name()
          + ", "
          + Series.steps(steps)
          + " of "
          + PictureMeasurement.sampler(sampler)
          + ", w "
          + Numbers.plain(guidance)
          + ", seed "
          + seed;
    }
  }

  public PicturePlan {
    teacherGuidances = List.copyOf(new TreeSet<>(teacherGuidances));
    evaluations = List.copyOf(new TreeSet<>(evaluations));
    guidances = List.copyOf(new TreeSet<>(guidances));
    strengths = List.copyOf(new TreeSet<>(strengths));
    seeds = seeds.stream().distinct().toList();
    require(teacherSamples <= samples, "a teacher cannot have more samples than the students");
    require(!guidances.isEmpty() && guidances.getFirst() >= 0, "guidance w must be at least 0");
    require(
        !teacherGuidances.isEmpty() && teacherGuidances.getFirst() >= 0,
        "the teacher's guidance w must be at least 0");
    require(!seeds.isEmpty(), "there must be a seed");
    require(
        evaluations.stream().allMatch(each -> each >= 2 && each % 2 == 0),
        "a guided teacher evaluates its network twice a step: evaluations are even, from 2 on");
    require(
        strengths.stream().allMatch(strength -> strength > 0 && strength <= 1),
        "the strength of an edit is above 0 and at most 1");
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw new IllegalArgumentException(message);
    }
  }

  /** All that is generated of these models, what is quick first. */
  List<Item> items(List<ReportedLatent> models) {
    List<Integer> both =
        samples == teacherSamples ? List.of(samples) : List.of(teacherSamples, samples);
    List<Item> items = new ArrayList<>();
    List<Item> slow = new ArrayList<>();
    for (long seed : seeds) {
      for (ReportedLatent model : models) {
        int steps = model.steps(sweepSteps);
        for (double guidance : guidances) {
          if (model.takes(guidance)) {
            items.add(new Item(model, model.model().defaultSampler(), steps, guidance, seed, both));
          }
        }
      }
    }
    for (ReportedLatent model : models) {
      if (model.isTeacher()) {
        for (double guidance : teacherGuidances) {
          for (int each : evaluations) {
            for (Solver sampler : List.of(Solver.DDIM, Solver.DPM_SOLVER)) {
              items.add(compared(model, sampler, each / 2, guidance));
            }
          }
          slow.add(compared(model, model.model().defaultSampler(), teacherSteps, guidance));
        }
      }
    }
    items.addAll(slow);
    return items.stream().distinct().toList();
  }

  private Item compared(ReportedLatent model, Solver sampler, int steps, double guidance) {
    return new Item(model, sampler, steps, guidance, seeds.getFirst(), List.of(teacherSamples));
  }
}
