package org.halfstep.distill;

import static org.halfstep.diffusion.Parameterization.V;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.halfstep.device.Coefficients;
import org.halfstep.device.DataType;
import org.halfstep.device.Launch;
import org.halfstep.device.Owned;
import org.halfstep.diffusion.ExampleDraws;
import org.halfstep.diffusion.Guidance;
import org.halfstep.diffusion.GuidanceRange;
import org.halfstep.diffusion.LossWeighting;
import org.halfstep.diffusion.Parameterization;
import org.halfstep.train.ConditionedNetwork;
import org.halfstep.train.Objective;
import org.halfstep.train.TrainingBatch;

/**
 * Stage one (Meng et al., 2023, algorithm 1): t uniform, w uniform in a range for each example, and
 * the target is the teacher's guided prediction (1 + w) v_cond - w v_uncond at the same z_t,
 * unclipped. Both branches are one batch. A teacher of eps or of x gives the same target by way of
 * its v.
 */
public final class GuidedObjective implements Objective {
  private final Owned owned = new Owned();
  private final ExampleDraws draws;
  private final GuidanceRange range;
  private final LossWeighting weighting;
  private final int without;
  private final Parameterization predicts;
  private final TeacherPlan teacher;
  private final Coefficients coefficients;
  private final List<Launch> toTeacher;
  private final Launch combine;

  /**
   * The teacher's weights must not change while this lives.
   *
   * @param conditioned the teacher
   */
  public GuidedObjective(
      ConditionedNetwork conditioned,
      TrainingBatch batch,
      ExampleDraws draws,
      GuidanceRange range,
      LossWeighting weighting) {
    this.draws = draws;
    this.range = range;
    this.weighting = weighting;
    this.predicts = conditioned.network().card().predicts();
    this.without =
        conditioned
            .without()
            .orElseThrow(
                () ->
                    new IllegalArgumentException(
                        "stage one needs a teacher trained with label dropout (\"cfg\": true)"));
    int size = batch.size();
    try {
      this.teacher = owned.add(new TeacherPlan(conditioned, batch, 2));
      // The v of another prediction is one of z as well: GuidedTarget.
      int terms = predicts == V ? 2 : 3;
      this.coefficients = owned.add(new Coefficients(batch.device(), "guided target", terms, size));
      long count = (long) size * batch.values();
      long half = Float.BYTES * count;
      long out = teacher.out();
      this.toTeacher = new ArrayList<>(teacher.feed(batch.noised(), 0));
      toTeacher.addAll(teacher.feed(batch.noised(), 1));
      this.combine =
          teacher
              .operations()
              .linearCombination(
                  batch.target(),
                  Arrays.copyOf(new long[] {out, out + half, batch.noised()}, terms),
                  coefficients.address(),
                  size,
                  batch.values(),
                  DataType.F32);
    } catch (RuntimeException | Error failure) {
      owned.close();
      throw failure;
    }
  }

  @Override
  public void draw(TrainingBatch batch) {
    for (int row = 0; row < batch.size(); row++) {
      long example = batch.examples()[row];
      batch.times()[row] = draws.time(example);
      batch.guidances()[row] = draws.guidance(example, range);
    }
  }

  @Override
  public void write(TrainingBatch batch) {
    int size = batch.size();
    for (int row = 0; row < size; row++) {
      double time = batch.times()[row];
      double w = batch.guidances()[row];
      teacher.inputs().set(row, time, batch.conditions()[row], 0);
      teacher.inputs().set(size + row, time, without, 0);
      double alpha = batch.alphas()[row];
      double sigma = batch.sigmas()[row];
      double onOutput = predicts.onOutput(V, alpha, sigma);
      coefficients.set(0, row, onOutput * Guidance.onConditional(w));
      coefficients.set(1, row, onOutput * Guidance.onUnconditional(w));
      if (predicts != V) {
        coefficients.set(2, row, predicts.onZ(V, alpha, sigma));
      }
    }
    teacher.inputs().push();
    coefficients.push();
  }

  @Override
  public List<Launch> target() {
    List<Launch> launches = new ArrayList<>(teacher.inputs().launches());
    launches.addAll(toTeacher);
    launches.addAll(List.of(teacher.evaluation(), combine));
    return launches;
  }

  @Override
  public LossWeighting weighting() {
    return weighting;
  }

  @Override
  public void close() {
    owned.close();
  }
}
