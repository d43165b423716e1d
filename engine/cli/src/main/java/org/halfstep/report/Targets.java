package org.halfstep.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What distillation should reach, against what was measured. */
final class Targets {
  /** Greatest FID of a student, as a multiple of the teacher's, by its steps. */
  private static final Map<Integer, Double> FID = Map.of(4, 1.10, 2, 1.35, 1, 2.0);

  /** Least Inception Score of a student, as a share of the teacher's. */
  private static final double INCEPTION_SCORE = 0.97;

  private Targets() {}

  /**
   * A line per target that can be checked.
   *
   * @param series of equally many images, the teacher among them
   * @param timings of the same models
   */
  static List<String> check(List<Series> series, List<Timing> timings) {
    List<String> lines = new ArrayList<>();
    Optional<Series> base = series.stream().filter(Series::teacher).findFirst();
    if (base.isEmpty()) {
      return List.of("No teacher was measured, so nothing can be said of targets.");
    }
    Series teacher = base.get();
    double teacherFid = teacher.fid(teacher.bestGuidance()).mean();
    double teacherScore = teacher.inceptionScore(teacher.bestGuidance()).mean();
    for (Series student : series) {
      if (student.kind() != ModelKind.DETERMINISTIC) {
        continue;
      }
      double w = student.bestGuidance();
      if (FID.containsKey(student.steps())) {
        double ratio = student.fid(w).mean() / teacherFid;
        lines.add(
            line(
                student,
                "FID "
                    + Numbers.fixed(ratio, 3)
                    + "x that of the teacher with "
                    + teacher.steps()
                    + " steps, at most "
                    + Numbers.fixed(FID.get(student.steps()), 2)
                    + "x wanted",
                ratio <= FID.get(student.steps())));
      }
      double share = student.inceptionScore(w).mean() / teacherScore;
      lines.add(
          line(
              student,
              "IS "
                  + Numbers.fixed(share, 3)
                  + " of the teacher's, at least "
                  + INCEPTION_SCORE
                  + " wanted",
              share >= INCEPTION_SCORE));
      speed(teacher, student, timings).ifPresent(lines::add);
    }
    return lines;
  }

  private static Optional<String> speed(Series teacher, Series student, List<Timing> timings) {
    int batch = Stopwatch.BATCHES.getLast();
    double w = student.bestGuidance();
    Optional<Timing> slow = Timing.at(timings, teacher, w, batch);
    Optional<Timing> quick = Timing.at(timings, student, w, batch);
    if (slow.isEmpty() || quick.isEmpty()) {
      return Optional.empty();
    }
    Speedup speedup = quick.get().over(slow.get());
    String text =
        "speedup "
            + Numbers.times(speedup.median())
            + " at batch "
            + batch
            + ", "
            + Numbers.fixed(speedup.share(), 3)
            + " of the "
            + Numbers.times(speedup.evaluations())
            + " fewer evaluations, at least "
            + Speedup.SHARE
            + " wanted";
    return Optional.of(
        switch (quick.get().verdict(slow.get())) {
          case MET -> line(student, text, true);
          case NOT_MET -> line(student, text, false);
          case NOT_QUIET ->
              "**the machine was not quiet**: "
                  + titled(student, text)
                  + "; no more than "
                  + Speedup.MOST_SHARE
                  + " can be: take the time again with --retime";
        });
  }

  private static String line(Series student, String text, boolean met) {
    return (met ? "**met**" : "**not met**") + ": " + titled(student, text);
  }

  private static String titled(Series student, String text) {
    return student.title() + ", " + Series.steps(student.steps()) + ": " + text;
  }
}
