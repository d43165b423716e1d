package org.halfstep.distill;

import static org.halfstep.diffusion.Parameterization.V;

import java.util.ArrayList;
import java.util.List;
import org.halfstep.device.Coefficients;
import org.halfstep.device.DataType;
import org.halfstep.device.Launch;
import org.halfstep.device.Owned;
import org.halfstep.diffusion.ErrorWeight;
import org.halfstep.diffusion.ExampleDraws;
import org.halfstep.diffusion.WeightRamp;
import org.halfstep.model.ModelCard;
import org.halfstep.train.ConditionedNetwork;
import org.halfstep.train.Objective;
import org.halfstep.train.TrainingBatch;

/**
 * What comes before stage one where the teacher predicts eps: a network with its weights learns to
 * predict v. The target is the teacher's own prediction, (eps - sigma z) / alpha, so it has none of
 * the noise of a drawn eps, and what the teacher knows is not lost; the condition is left out at
 * random, so that both branches of guidance are learned. The weight of the error goes from the
 * error of eps, which the teacher was trained with, to one that counts at the noise end too.
 */
public final class VelocityObjective implements Objective {
  private final Owned owned = new Owned();
  private final ExampleDraws draws;
  private final WeightRamp ramp;
  private final double dropout;
  private final int without;
  private final ModelCard card;
  private final TeacherPlan teacher;
  private final Coefficients coefficients;
  private final List<Launch> toTeacher;
  private final Launch combine;
  private final ErrorWeight weighting = this::weight;
  private long update;

  /**
   * The teacher's weights must not change while this lives.
   *
   * @param conditioned the teacher, of any prediction
   * @param dropout probability that a row's condition is left out, at least 0 and below 1
   */
  public VelocityObjective(
      ConditionedNetwork conditioned,
      TrainingBatch batch,
      ExampleDraws draws,
      WeightRamp ramp,
      double dropout) {
    if (!(dropout >= 0 && dropout < 1)) {
      throw new IllegalArgumentException(
          "the dropout of conditions must lie in [0, 1), got " + dropout);
    }
    this.draws = draws;
    this.ramp = ramp;
    this.dropout = dropout;
    this.without = conditioned.without().orElse(0);
    this.card = conditioned.network().card();
    int size = batch.size();
    try {
      this.teacher = owned.add(new TeacherPlan(conditioned, batch, 1));
      this.coefficients = owned.add(new Coefficients(batch.device(), "velocity target", 2, size));
      this.toTeacher = teacher.feed(batch.noised(), 0);
      this.combine =
          teacher
              .operations()
              .linearCombination(
                  batch.target(),
                  new long[] {batch.noised(), teacher.out()},
                  coefficients.address(),
                  size,
                  batch.values(),
                  DataType.F32);
    } catch (RuntimeException | Error failure) {
      owned.close();
      throw failure;
    }
  }

  private double weight(double alpha, double sigma) {
    return ramp.weightOnV(update, alpha, sigma);
  }

  @Override
  public void draw(TrainingBatch batch) {
    update = batch.update();
    for (int row = 0; row < batch.size(); row++) {
      long example = batch.examples()[row];
      batch.times()[row] = draws.time(example);
      batch.guidances()[row] = 0;
      if (draws.dropsLabel(example, dropout)) {
        batch.conditions()[row] = without;
      }
    }
  }

  @Override
  public void write(TrainingBatch batch) {
    for (int row = 0; row < batch.size(); row++) {
      teacher.inputs().set(row, batch.times()[row], batch.conditions()[row], 0);
      double alpha = batch.alphas()[row];
      double sigma = batch.sigmas()[row];
      coefficients.set(0, row, card.predicts().onZ(V, alpha, sigma));
      coefficients.set(1, row, card.predicts().onOutput(V, alpha, sigma));
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
  public ErrorWeight weighting() {
    return weighting;
  }

  @Override
  public void close() {
    owned.close();
  }
}
