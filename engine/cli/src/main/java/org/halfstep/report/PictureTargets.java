package org.halfstep.report;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What distilled models of texts should reach, against what was measured. */
final class PictureTargets {
  /** Greatest FID of a student, as a multiple of the teacher's, by its steps. */
  private static final Map<Integer, Double> FID = Map.of(4, 1.1, 2, 1.3, 1, 2.0);

  /** Least caption score of the student of 4 steps, as a share of the teacher's. */
  private static final double CAPTIONS = 0.97;

  private static final int CAPTION_STEPS = 4;

  private PictureTargets() {}

  /** The row of the least FID. */
  static Optional<PictureRow> best(List<PictureRow> rows) {
    return rows.stream().min(Comparator.comparingDouble(PictureRow::fid));
  }

  /**
   * A line per target that can be checked.
   *
   * @param rows of equally many pictures, each by its model's usual sampler; the teacher's of most
   *     steps is what others are compared with
   */
  static List<String> check(List<PictureRow> rows) {
    int steps =
        rows.stream()
            .filter(row -> row.first().teacher())
            .mapToInt(row -> row.first().steps())
            .max()
            .orElse(0);
    Optional<PictureRow> teacher =
        best(
            rows.stream()
                .filter(row -> row.first().teacher() && row.first().steps() == steps)
                .toList());
    if (teacher.isEmpty()) {
      return List.of("No teacher was measured, so nothing can be said of targets.");
    }
    List<String> lines = new ArrayList<>();
    for (int own : FID.keySet().stream().sorted(Comparator.reverseOrder()).toList()) {
      best(rows.stream()
              .filter(row -> !row.first().teacher() && row.first().steps() == own)
              .toList())
          .ifPresent(student -> check(student, teacher.get(), lines));
    }
    return lines;
  }

  private static void check(PictureRow student, PictureRow teacher, List<String> lines) {
    int steps = student.first().steps();
    double ratio = student.fid() / teacher.fid();
    lines.add(
        line(
            student,
            "FID "
                + Numbers.fixed(ratio, 3)
                + "x that of the teacher with "
                + Series.steps(teacher.first().steps())
                + ", at most "
                + Numbers.fixed(FID.get(steps), 1)
                + "x wanted",
            ratio <= FID.get(steps)));
    if (steps == CAPTION_STEPS) {
      double share = student.captionCosine() / teacher.captionCosine();
      lines.add(
          line(
              student,
              "caption score "
                  + Numbers.fixed(share, 3)
                  + " of the teacher's, at least "
                  + CAPTIONS
                  + " wanted",
              share >= CAPTIONS));
    }
  }

  private static String line(PictureRow student, String text, boolean met) {
    return (met ? "**met**" : "**not met**")
        + ": "
        + student.first().model()
        + ", w "
        + Numbers.plain(student.first().guidance())
        + ": "
        + text;
  }
}
