package org.halfstep.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** What is said of measured models: against targets, over seeds, of nearness to training data. */
class PictureTargetsTest {
  private static final PictureScale SCALE = new PictureScale("held out", "training", 9, "s", "0");
  private static final PictureMeasurement.Made MADE =
      new PictureMeasurement.Made("device", "machine", "0", "command", "2026-01-01T00:00:00Z");

  private static PictureMeasurement row(
      String model, boolean teacher, int steps, double w, long seed, double fid, double cosine) {
    PictureMeasurement.Distances near = new PictureMeasurement.Distances(fid, 0.1, 0, 0.5, 0.5);
    return new PictureMeasurement(
        model,
        "w-" + model,
        teacher,
        "ddim",
        steps,
        steps,
        w,
        seed,
        20,
        near,
        near,
        cosine,
        0.5,
        20,
        1,
        SCALE,
        MADE);
  }

  @Test
  void studentsAreComparedAtTheirBestWithTheTeacherOfMostSteps() {
    List<String> lines =
        PictureTargets.check(
            PictureRow.of(
                List.of(
                    row("teacher", true, 256, 1, 0, 10, 0.5),
                    row("teacher", true, 256, 4, 0, 12, 0.6),
                    // Better, and not what students are compared with.
                    row("teacher", true, 16, 1, 0, 1, 0.9),
                    row("four", false, 4, 1, 0, 10.9, 0.5),
                    row("four", false, 4, 4, 0, 30, 0.6),
                    row("two", false, 2, 1, 0, 13.1, 0.1),
                    row("one", false, 1, 1, 0, 19, 0.1))));
    assertEquals(4, lines.size(), lines.toString());
    assertTrue(lines.get(0).startsWith("**met**: four, w 1: FID 1.090x"), lines.get(0));
    assertTrue(lines.get(1).startsWith("**met**: four, w 1: caption score 1.000"), lines.get(1));
    assertTrue(lines.get(2).startsWith("**not met**: two, w 1: FID 1.310x"), lines.get(2));
    assertTrue(lines.get(3).startsWith("**met**: one, w 1: FID 1.900x"), lines.get(3));
    assertTrue(
        PictureTargets.check(PictureRow.of(List.of(row("one", false, 1, 1, 0, 9, 0.1))))
            .getFirst()
            .contains("No teacher was measured"));
  }

  @Test
  void seedsOfOneSettingAreOneRow() {
    List<PictureRow> rows =
        PictureRow.of(
            List.of(
                row("one", false, 1, 0, 0, 10, 0.2),
                row("teacher", true, 16, 0, 0, 9, 0.2),
                row("one", false, 1, 0, 1, 14, 0.4),
                row("one", false, 1, 2, 1, 1, 0.4),
                row(PictureMeasurement.REAL, false, 0, 0, 0, 0, 0.7)));
    assertEquals(4, rows.size());
    assertTrue(rows.getFirst().isReal());
    assertEquals("teacher", rows.get(1).first().model());
    PictureRow both = rows.get(2);
    assertEquals(12, both.fid());
    assertEquals(0.3, both.captionCosine(), 1e-12);
    assertEquals(2, both.over(one -> one.heldOut().fid()).seeds());
    assertEquals(Math.sqrt(8), both.over(one -> one.heldOut().fid()).deviation(), 1e-12);
  }

  @Test
  void samplesAreTooNearWhereFewHeldOutPicturesAre() {
    List<Double> heldOut = IntStream.range(1, 101).mapToObj(i -> (double) i).toList();
    NearestMeasurement nearest =
        new NearestMeasurement(
            "m", "w", 4, 1, 0, 9, List.of(0.0, 5.5, 5.9, 6.0, 50.0), heldOut, SCALE, MADE);
    // Five of a hundred held-out pictures are at most 5 away.
    assertEquals(3, nearest.tooNear());
  }
}
