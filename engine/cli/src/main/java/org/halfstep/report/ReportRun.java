package org.halfstep.report;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.halfstep.metrics.FeatureExtractor;
import org.halfstep.metrics.Quality;
import org.halfstep.metrics.QualityMeter;
import org.halfstep.metrics.ReferenceImages;

/**
 * Measures what a plan asks for and a results file lacks, students first since they are quick.
 * Images are measured as they are made and not kept.
 */
final class ReportRun {
  private static final double SECONDS_BETWEEN_LINES = 15;

  private final ReportPlan plan;
  private final List<ReportedModel> models;
  private final FeatureExtractor extractor;
  private final ReferenceImages reference;
  private final Results results;
  private final Origin origin;
  private final Consumer<String> out;
  private final BooleanSupplier stop;

  ReportRun(
      ReportPlan plan,
      List<ReportedModel> models,
      FeatureExtractor extractor,
      ReferenceImages reference,
      Results results,
      Origin origin,
      Consumer<String> out,
      BooleanSupplier stop) {
    this.plan = plan;
    this.models = models;
    this.extractor = extractor;
    this.reference = reference;
    this.results = results;
    this.origin = origin;
    this.out = out;
    this.stop = stop;
  }

  /** Measures; returns whether all is done, false when it was asked to stop. */
  boolean run() throws IOException {
    if (!all(plan.students(models))) {
      return false;
    }
    for (ReportedModel teacher : models) {
      if (!teacher.isTeacher()) {
        continue;
      }
      if (!all(plan.solvers(teacher))) {
        return false;
      }
      if (!all(plan.sweep(teacher))) {
        return false;
      }
      if (plan.sweepSteps() < plan.teacherSteps()
          && !all(plan.best(teacher, bestGuidance(teacher)))) {
        return false;
      }
    }
    return true;
  }

  private boolean all(List<ReportPlan.Item> items) throws IOException {
    int number = 0;
    for (ReportPlan.Item item : items) {
      number++;
      if (!item.samples().stream()
              .allMatch(samples -> results.find(item, samples, scale()).isPresent())
          && !measure(item, number + " of " + items.size() + ": " + item.describe())) {
        return false;
      }
    }
    return true;
  }

  private ReportPlan.Scale scale() {
    return new ReportPlan.Scale(reference.name(), extractor.sha256());
  }

  private double bestGuidance(ReportedModel teacher) {
    return plan.sweep(teacher).stream()
        .map(item -> results.find(item, plan.teacherSamples(), scale()).orElseThrow())
        .min(Comparator.comparingDouble(found -> found.quality().fid()))
        .orElseThrow()
        .guidance();
  }

  private boolean measure(ReportPlan.Item item, String title) throws IOException {
    long[] counts = item.samples().stream().mapToLong(Integer::longValue).toArray();
    QualityMeter meter = new QualityMeter(extractor, reference, counts);
    long start = System.nanoTime();
    long lastLine = start;
    while (meter.count() < item.most()) {
      if (stop.getAsBoolean()) {
        return false;
      }
      int count = (int) Math.min(ReportPlan.BATCH, item.most() - meter.count());
      ReportedModel model = item.model();
      meter.add(
          model
              .model()
              .sample(
                  model.request(
                      item.sampler(),
                      item.steps(),
                      item.guidance(),
                      item.seed(),
                      meter.count(),
                      count)));
      long now = System.nanoTime();
      if ((now - lastLine) / 1e9 >= SECONDS_BETWEEN_LINES && meter.count() < item.most()) {
        lastLine = now;
        double rate = meter.count() / ((now - start) / 1e9);
        out.accept(
            title
                + ": "
                + meter.count()
                + " of "
                + item.most()
                + " images, "
                + Math.round((item.most() - meter.count()) / rate)
                + " s left");
      }
    }
    List<Measurement> made = new ArrayList<>();
    for (Quality quality : meter.results()) {
      made.add(measurement(item, quality));
    }
    results.add(made);
    Quality last = made.getLast().quality();
    out.accept(
        title
            + ": FID "
            + Numbers.decimal(last.fid())
            + ", IS "
            + Numbers.decimal(last.inceptionScore())
            + " of "
            + last.samples()
            + " images");
    return true;
  }

  private Measurement measurement(ReportPlan.Item item, Quality quality) {
    return new Measurement(
        item.model().name(),
        item.model().weights(),
        item.model().isInt8(),
        item.model().isTeacher(),
        item.steps(),
        item.guidance(),
        item.seed(),
        quality,
        reference.name(),
        reference.images(),
        extractor.name(),
        extractor.sha256(),
        origin.device(),
        origin.machine(),
        origin.version(),
        origin.command(),
        Origin.now(),
        item.sampler(),
        item.model().kind());
  }
}
