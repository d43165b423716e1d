package org.halfstep.report;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.ToDoubleFunction;
import org.halfstep.diffusion.Solver;

/**
 * The measurements of one model at one number of steps, on equally many images and one scale: per
 * guidance strength, over the seeds.
 */
record Series(
    String model,
    boolean int8,
    boolean teacher,
    ModelKind kind,
    Solver sampler,
    int steps,
    Map<Double, List<Measurement>> byGuidance) {
  /** Mean and standard deviation over seeds, the latter divided by one less than their number. */
  record OverSeeds(double mean, double deviation, int seeds) {
    /** Of one value for each seed. */
    static OverSeeds of(double... values) {
      double mean = 0;
      for (double one : values) {
        mean += one / values.length;
      }
      double squares = 0;
      for (double one : values) {
        squares += (one - mean) * (one - mean);
      }
      double deviation = values.length < 2 ? 0 : Math.sqrt(squares / (values.length - 1));
      return new OverSeeds(mean, deviation, values.length);
    }

    String toString(int decimals) {
      return seeds < 2
          ? Numbers.fixed(mean, decimals)
          : Numbers.fixed(mean, decimals) + " ± " + Numbers.fixed(deviation, decimals);
    }
  }

  /** The model as tables show it. */
  String title() {
    return title(model, int8) + by(sampler);
  }

  /** What stands behind a model that is sampled by another solver than its own. */
  static String by(Solver sampler) {
    return sampler == null ? "" : ", " + name(sampler);
  }

  /** A solver as tables show it. */
  static String name(Solver sampler) {
    return switch (sampler) {
      case ANCESTRAL -> "DDPM";
      case DDIM -> "DDIM";
      case DPM_SOLVER -> "DPM-Solver++(2M)";
      case HEUN -> "Heun";
      default -> sampler.name().toLowerCase(Locale.ROOT);
    };
  }

  /** What points of one line of a plot have in common; empty for students of the main chain. */
  String family() {
    return (kind == ModelKind.DETERMINISTIC ? "" : ", " + kind.label())
        + by(sampler)
        + (int8 ? ", int8" : "");
  }

  static String title(String model, boolean int8) {
    return int8 ? model + " (int8)" : model;
  }

  /** {@code 1 step} and {@code 4 steps}. */
  static String steps(int number) {
    return number == 1 ? "1 step" : number + " steps";
  }

  /** Sorts measurements: teachers first, most steps first. */
  static List<Series> of(Collection<Measurement> measurements) {
    Map<String, List<Measurement>> groups = new LinkedHashMap<>();
    for (Measurement one : measurements) {
      String key = one.model() + " " + one.steps() + " " + one.sampler();
      groups.computeIfAbsent(key, _ -> new ArrayList<>()).add(one);
    }
    List<Series> all = new ArrayList<>();
    for (List<Measurement> group : groups.values()) {
      Map<Double, List<Measurement>> byGuidance = new TreeMap<>();
      for (Measurement one : group) {
        byGuidance.computeIfAbsent(one.guidance(), _ -> new ArrayList<>()).add(one);
      }
      Measurement first = group.getFirst();
      all.add(
          new Series(
              first.model(),
              first.int8(),
              first.teacher(),
              first.kind(),
              first.sampler(),
              first.steps(),
              byGuidance));
    }
    all.sort(
        Comparator.comparing((Series series) -> !series.teacher())
            .thenComparing(series -> -series.steps())
            .thenComparing(Series::model)
            .thenComparing(one -> one.title()));
    return all;
  }

  /** The guidance strength with the least FID. */
  double bestGuidance() {
    return byGuidance.keySet().stream()
        .min(Comparator.comparingDouble(w -> fid(w).mean()))
        .orElseThrow();
  }

  OverSeeds fid(double guidance) {
    return at(guidance, one -> one.quality().fid());
  }

  OverSeeds inceptionScore(double guidance) {
    return at(guidance, one -> one.quality().inceptionScore());
  }

  OverSeeds at(double guidance, ToDoubleFunction<Measurement> value) {
    return OverSeeds.of(byGuidance.get(guidance).stream().mapToDouble(value).toArray());
  }
}
