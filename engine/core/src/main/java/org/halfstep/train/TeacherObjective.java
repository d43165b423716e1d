package org.halfstep.train;

import java.util.List;
import org.halfstep.device.Coefficients;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.Launch;
import org.halfstep.device.Operations;
import org.halfstep.device.Owned;
import org.halfstep.diffusion.ExampleDraws;
import org.halfstep.diffusion.LossWeighting;

/**
 * Denoising score matching for the teacher: t uniform in (0, 1), the target is v = alpha eps -
 * sigma x, and the condition is left out at random, so that one network serves both branches of
 * guidance.
 */
public final class TeacherObjective implements Objective {
  private final Owned owned = new Owned();
  private final ExampleDraws draws;
  private final LossWeighting weighting;
  private final double dropout;
  private final int without;
  private final Coefficients coefficients;
  private final Operations operations;
  private final Launch combine;

  /**
   * @param dropout probability that a row's condition is left out, 0 for a network that cannot be
   *     without
   * @param without number of the condition that stands for none
   */
  public TeacherObjective(
      TrainingBatch batch,
      ExampleDraws draws,
      LossWeighting weighting,
      double dropout,
      int without) {
    if (!(dropout >= 0 && dropout < 1)) {
      throw new IllegalArgumentException("label dropout must lie in [0, 1), got " + dropout);
    }
    Device device = batch.device();
    this.draws = draws;
    this.weighting = weighting;
    this.dropout = dropout;
    this.without = without;
    try {
      this.coefficients = owned.add(new Coefficients(device, "teacher target", 2, batch.size()));
      this.operations = owned.add(device.operations());
      this.combine =
          operations.linearCombination(
              batch.target(),
              new long[] {batch.clean(), batch.noise()},
              coefficients.address(),
              batch.size(),
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
      batch.guidances()[row] = 0;
      if (draws.dropsLabel(example, dropout)) {
        batch.conditions()[row] = without;
      }
    }
  }

  @Override
  public void write(TrainingBatch batch) {
    for (int row = 0; row < batch.size(); row++) {
      coefficients.set(0, row, -batch.sigmas()[row]);
      coefficients.set(1, row, batch.alphas()[row]);
    }
    coefficients.push();
  }

  @Override
  public List<Launch> target() {
    return List.of(combine);
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
