package org.halfstep.report;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleFunction;

/**
 * The measurements of one model at one setting on equally many pictures, one for each seed.
 *
 * @param all at least one
 */
record PictureRow(List<PictureMeasurement> all) {
  /** Sorts measurements: real pictures first, then teachers, most steps first. */
  static List<PictureRow> of(Collection<PictureMeasurement> measurements) {
    Map<List<Object>, List<PictureMeasurement>> groups = new LinkedHashMap<>();
    for (PictureMeasurement one : measurements) {
      groups
          .computeIfAbsent(
              List.of(one.model(), one.sampler(), one.steps(), one.guidance(), one.samples()),
              _ -> new ArrayList<>())
          .add(one);
    }
    List<PictureRow> rows = new ArrayList<>(groups.values().stream().map(PictureRow::new).toList());
    rows.sort(
        Comparator.comparing((PictureRow row) -> !row.isReal())
            .thenComparing(row -> !row.first().teacher())
            .thenComparing(row -> -row.first().steps())
            .thenComparing(row -> row.first().model())
            .thenComparing(row -> row.first().sampler())
            .thenComparing(row -> row.first().guidance()));
    return rows;
  }

  PictureMeasurement first() {
    return all.getFirst();
  }

  boolean isReal() {
    return first().model().equals(PictureMeasurement.REAL);
  }

  Series.OverSeeds over(ToDoubleFunction<PictureMeasurement> value) {
    return Series.OverSeeds.of(all.stream().mapToDouble(value).toArray());
  }

  double fid() {
    return over(one -> one.heldOut().fid()).mean();
  }

  double captionCosine() {
    return over(PictureMeasurement::captionCosine).mean();
  }
}
