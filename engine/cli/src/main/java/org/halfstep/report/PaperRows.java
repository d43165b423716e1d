package org.halfstep.report;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import org.halfstep.diffusion.Solver;

/**
 * The rows of the paper's tables: what was measured, by kind of model, solver and steps, whatever a
 * model is called.
 *
 * @param series of equally many images
 */
record PaperRows(List<Series> series) {
  /**
   * One row.
   *
   * @param sampler another solver than the model's own; null for its own
   */
  record Row(ModelKind kind, Solver sampler, int steps) {
    /** In tables where the kind follows from the row. */
    String label() {
      return switch (kind) {
        case TEACHER -> {
          Solver solver = sampler == null ? Solver.DDIM : sampler;
          int evaluations = solver.evaluations(steps);
          yield "teacher, "
              + Series.name(solver)
              + ", "
              + Series.steps(steps)
              + (evaluations == steps ? "" : " (" + evaluations + " evaluations)");
        }
        case SINGLE_W, NAIVE -> kind.label() + ", " + Series.steps(steps);
        case DETERMINISTIC, STOCHASTIC -> Series.steps(steps);
      };
    }

    /** By itself. */
    String title() {
      return switch (kind) {
        case DETERMINISTIC, STOCHASTIC -> label() + ", " + kind.label();
        default -> label();
      };
    }

    /** Network evaluations of an image. */
    int evaluations(double w) {
      int each = (sampler == null ? Solver.DDIM : sampler).evaluations(steps);
      return paysForGuidance() && w != 0 ? 2 * each : each;
    }

    /** Whether an image at w = 0 costs less. */
    boolean paysForGuidance() {
      return kind == ModelKind.TEACHER || kind == ModelKind.NAIVE;
    }
  }

  /**
   * A ratio over seeds.
   *
   * @param seeds that both sides have
   */
  record Ratio(double mean, double least, double greatest, int seeds) {}

  PaperRows {
    // Networks of bytes have tables of their own.
    series = series.stream().filter(one -> !one.int8()).toList();
  }

  /** Every w that was measured, ascending. */
  List<Double> guidances() {
    TreeSet<Double> all = new TreeSet<>();
    series.forEach(one -> all.addAll(one.byGuidance().keySet()));
    return List.copyOf(all);
  }

  /** Steps of the students of both chains, the fewest first. */
  List<Integer> steps() {
    TreeSet<Integer> all = new TreeSet<>();
    for (Series one : series) {
      if (one.kind() == ModelKind.DETERMINISTIC || one.kind() == ModelKind.STOCHASTIC) {
        all.add(one.steps());
      }
    }
    return List.copyOf(all);
  }

  /** The teacher with the most steps, by its own sampler. */
  Optional<Row> teacher() {
    return series.stream()
        .filter(one -> one.kind() == ModelKind.TEACHER && one.sampler() == null)
        .map(Series::steps)
        .max(Integer::compare)
        .map(most -> new Row(ModelKind.TEACHER, null, most));
  }

  /**
   * Rows beside those of both chains: single w, naive, then the teacher, the fewest steps first.
   */
  List<Row> others() {
    List<Row> found = new ArrayList<>();
    for (ModelKind kind : List.of(ModelKind.SINGLE_W, ModelKind.NAIVE, ModelKind.TEACHER)) {
      TreeSet<Integer> steps = new TreeSet<>();
      series.stream().filter(one -> one.kind() == kind).forEach(one -> steps.add(one.steps()));
      for (Solver solver : solvers()) {
        for (int number : steps) {
          Row row = new Row(kind, solver, number);
          if (any(row).isPresent()) {
            found.add(row);
          }
        }
      }
    }
    return found;
  }

  /** Solvers that something was sampled by; the models' own, which is null, the last. */
  private List<Solver> solvers() {
    List<Solver> all = new ArrayList<>();
    for (Solver solver : Solver.values()) {
      if (series.stream().anyMatch(one -> one.sampler() == solver)) {
        all.add(solver);
      }
    }
    all.add(null);
    return all;
  }

  /** All rows. */
  List<Row> all() {
    List<Row> found = new ArrayList<>();
    for (ModelKind kind : List.of(ModelKind.DETERMINISTIC, ModelKind.STOCHASTIC)) {
      for (int steps : steps()) {
        Row row = new Row(kind, null, steps);
        if (any(row).isPresent()) {
          found.add(row);
        }
      }
    }
    found.addAll(others());
    return found;
  }

  /** What was measured of a row at some w. */
  Optional<Series> any(Row row) {
    return series.stream().filter(one -> isOf(one, row)).findFirst();
  }

  /** What was measured of a row at one w: students of a single w are a model for each. */
  Optional<Series> find(Row row, double w) {
    return series.stream()
        .filter(one -> isOf(one, row) && one.byGuidance().containsKey(w))
        .findFirst();
  }

  private static boolean isOf(Series one, Row row) {
    return one.kind() == row.kind() && one.sampler() == row.sampler() && one.steps() == row.steps();
  }

  /**
   * FID of a row as a multiple of another's, at the same w and seeds; nothing where either lacks.
   */
  Optional<Ratio> ratio(Row row, Row base, double w) {
    Optional<Series> own = find(row, w);
    Optional<Series> other = find(base, w);
    if (own.isEmpty() || other.isEmpty()) {
      return Optional.empty();
    }
    Map<Long, Double> below = new HashMap<>();
    other.get().byGuidance().get(w).forEach(one -> below.put(one.seed(), one.quality().fid()));
    double[] ratios =
        own.get().byGuidance().get(w).stream()
            .filter(one -> below.containsKey(one.seed()))
            .mapToDouble(one -> one.quality().fid() / below.get(one.seed()))
            .sorted()
            .toArray();
    if (ratios.length == 0) {
      return Optional.empty();
    }
    double sum = 0;
    for (double ratio : ratios) {
      sum += ratio;
    }
    return Optional.of(
        new Ratio(sum / ratios.length, ratios[0], ratios[ratios.length - 1], ratios.length));
  }
}
