package org.halfstep.bench;

import java.io.PrintStream;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * The lines that a run of the benchmarks ends with: what distillation gains, and latencies.
 * Speedups are ratios of medians: on a machine that does other work as well, single runs are
 * interrupted, and the mean of short ones carries it.
 */
final class Headline {
  private static final String TEACHER = "TeacherBenchmark.sample";
  private static final String STUDENT = "StudentBenchmark.sample";
  private static final String SLOWEST = "256";

  private Headline() {}

  static void print(Report report, PrintStream out) {
    for (String batch : List.of("1", "16")) {
      Optional<Report.Entry> teacher =
          entries(report, TEACHER, batch).stream()
              .filter(entry -> SLOWEST.equals(entry.parameters().get("steps")))
              .findFirst();
      if (teacher.isPresent()) {
        speedups(report, teacher.get(), batch, out);
      }
    }
    if (!report.latencies().isEmpty()) {
      out.println();
      out.println(
          "one image, from request to pixels           p50       p90       p99  greatest  ms");
      for (Latency one : report.latencies()) {
        out.printf(
            Locale.ROOT,
            "%-36s%11.2f%10.2f%10.2f%10.2f%n",
            one.model() + ", " + one.requests() + " requests",
            one.p50(),
            one.p90(),
            one.p99(),
            one.greatest());
      }
    }
  }

  private static List<Report.Entry> entries(Report report, String benchmark, String batch) {
    return report.results().stream()
        .filter(entry -> entry.benchmark().equals(benchmark))
        .filter(entry -> batch.equals(entry.parameters().get("batch")))
        .toList();
  }

  private static void speedups(Report report, Report.Entry teacher, String batch, PrintStream out) {
    double images = Double.parseDouble(batch);
    int evaluations = 2 * Integer.parseInt(SLOWEST);
    out.println();
    out.printf(
        "%-28s%11s%24s%10s%19s%10s%10s%n",
        "batch " + batch,
        "evaluations",
        "mean ms per image",
        "median",
        "fewer evaluations",
        "faster",
        "of fewer");
    line(out, "teacher, 256 steps, guided", evaluations, teacher, images, 1, 1);
    for (Report.Entry entry : entries(report, TEACHER, batch)) {
      if (entry != teacher) {
        int own = 2 * Integer.parseInt(entry.parameters().get("steps"));
        line(
            out,
            "teacher, " + entry.parameters().get("steps") + " steps, guided",
            own,
            entry,
            images,
            (double) evaluations / own,
            teacher.median() / entry.median());
      }
    }
    for (Report.Entry entry : entries(report, STUDENT, batch)) {
      int own = steps(entry.parameters().get("model"));
      line(
          out,
          entry.parameters().get("model"),
          own,
          entry,
          images,
          (double) evaluations / own,
          teacher.median() / entry.median());
    }
  }

  /** A bundled student's name says its steps: fashion-mnist-4, fashion-mnist-4-int8. */
  private static int steps(String model) {
    for (String part : model.split("-")) {
      if (part.matches("\\d+")) {
        return Integer.parseInt(part);
      }
    }
    throw new IllegalArgumentException(model + ": the name says no number of steps");
  }

  private static void line(
      PrintStream out,
      String name,
      int evaluations,
      Report.Entry entry,
      double images,
      double fewer,
      double faster) {
    String error =
        entry.error() == null ? "" : String.format(Locale.ROOT, " ± %.3f", entry.error() / images);
    out.printf(
        Locale.ROOT,
        "%-28s%11d%12.3f%-12s%10.3f%18.1fx%9.1fx%10.2f%n",
        name,
        evaluations,
        entry.mean() / images,
        error,
        entry.median() / images,
        fewer,
        faster,
        faster / fewer);
  }
}
