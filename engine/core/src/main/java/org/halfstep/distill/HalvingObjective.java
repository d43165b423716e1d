package org.halfstep.distill;

import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.halfstep.device.Coefficients;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.HostView;
import org.halfstep.device.Launch;
import org.halfstep.device.Operations;
import org.halfstep.device.Owned;
import org.halfstep.device.Slab;
import org.halfstep.diffusion.DistillationTarget;
import org.halfstep.diffusion.ExampleDraws;
import org.halfstep.diffusion.GuidanceRange;
import org.halfstep.diffusion.LossWeighting;
import org.halfstep.diffusion.NoiseSchedule;
import org.halfstep.train.ConditionedNetwork;
import org.halfstep.train.Objective;
import org.halfstep.train.TrainingBatch;

/**
 * Stage two (Salimans and Ho, 2022; Meng et al., 2023, algorithms 2 and 3): t on the student's
 * grid, w uniform in a range, and the target is the v with which one student step lands where two
 * teacher steps at the same w land. The teacher's predictions are not clipped.
 */
public final class HalvingObjective implements Objective {
  private final Owned owned = new Owned();
  private final ExampleDraws draws;
  private final GuidanceRange range;
  private final LossWeighting weighting;
  private final DistillationTarget target;
  private final double dropout;
  private final int without;
  private final NoiseSchedule schedule;
  private final DistillationTarget.Coefficients[] rows;
  private final TeacherPlan teacher;
  private final Coefficients toMid;
  private final Coefficients toTarget;
  private final Slab firstPrediction;
  private final Slab midTimesSlab;
  private final HostView midTimes;
  private final List<Launch> toTeacher;
  private final Launch keepFirst;
  private final List<Launch> midPoint;
  private final Launch toMidTimes;
  private final Launch combine;

  /**
   * The teacher's weights must not change while this lives.
   *
   * @param conditioned the teacher
   * @param target which chain of students, and how many steps the student has
   */
  public HalvingObjective(
      ConditionedNetwork conditioned,
      TrainingBatch batch,
      ExampleDraws draws,
      GuidanceRange range,
      LossWeighting weighting,
      DistillationTarget target) {
    this(conditioned, batch, draws, range, weighting, target, 0);
  }

  /**
   * The same with examples without condition, for both networks.
   *
   * @param dropout probability that an example's condition is left out, at least 0 and below 1
   */
  public HalvingObjective(
      ConditionedNetwork conditioned,
      TrainingBatch batch,
      ExampleDraws draws,
      GuidanceRange range,
      LossWeighting weighting,
      DistillationTarget target,
      double dropout) {
    Device device = batch.device();
    this.draws = draws;
    this.range = range;
    this.weighting = weighting;
    this.target = target;
    this.dropout = dropout;
    this.without =
        dropout == 0
            ? 0
            : conditioned
                .without()
                .orElseThrow(
                    () ->
                        new IllegalArgumentException(
                            "students without guidance as an input need a teacher trained with label"
                                + " dropout (\"cfg\": true)"));
    this.schedule = conditioned.network().card().noiseSchedule();
    int size = batch.size();
    int values = batch.values();
    long count = (long) size * values;
    this.rows = new DistillationTarget.Coefficients[size];
    try {
      this.teacher = owned.add(new TeacherPlan(conditioned, batch, 1));
      this.toMid = owned.add(new Coefficients(device, "teacher's first step", 2, size));
      this.toTarget = owned.add(new Coefficients(device, "halving target", 3, size));
      this.firstPrediction =
          owned.add(device.allocate("teacher's first prediction", Float.BYTES * count));
      long timesBytes = (long) Float.BYTES * size;
      this.midTimesSlab =
          owned.add(device.allocate("times of the teacher's second step", timesBytes));
      this.midTimes = owned.add(device.view(midTimesSlab.address(), timesBytes));
      Operations operations = teacher.operations();
      long x = teacher.x();
      long out = teacher.out();
      long first = firstPrediction.address();
      this.toTeacher = teacher.feed(batch.noised(), 0);
      this.keepFirst = operations.convert(out, DataType.F32, first, DataType.F32, count);
      if (batch.besideChannels() == 0) {
        this.midPoint =
            List.of(
                operations.linearCombination(
                    x, new long[] {x, first}, toMid.address(), size, values, DataType.F32));
      } else {
        Slab middle = owned.add(device.allocate("teacher's middle", Float.BYTES * count));
        this.midPoint =
            new ArrayList<>(
                List.of(
                    operations.linearCombination(
                        middle.address(),
                        new long[] {batch.noised(), first},
                        toMid.address(),
                        size,
                        values,
                        DataType.F32)));
        midPoint.addAll(teacher.feed(middle.address(), 0));
      }
      this.toMidTimes =
          operations.convert(
              midTimesSlab.address(), DataType.F32, teacher.time(), DataType.F32, size);
      this.combine =
          operations.linearCombination(
              batch.target(),
              new long[] {batch.noised(), first, out},
              toTarget.address(),
              size,
              values,
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
      rows[row] = target.at(draws.gridIndex(example, target.firstIndex(), target.steps()));
      batch.times()[row] = rows[row].time();
      batch.guidances()[row] = draws.guidance(example, range);
      if (draws.dropsLabel(example, dropout)) {
        batch.conditions()[row] = without;
      }
    }
  }

  @Override
  public void write(TrainingBatch batch) {
    for (int row = 0; row < batch.size(); row++) {
      DistillationTarget.Coefficients now = rows[row];
      teacher.inputs().set(row, now.time(), batch.conditions()[row], batch.guidances()[row]);
      midTimes
          .memory()
          .setAtIndex(ValueLayout.JAVA_FLOAT, row, (float) schedule.timeInput(now.midTime()));
      toMid.set(0, row, now.toMid().onZ());
      toMid.set(1, row, now.toMid().onOutput());
      toTarget.set(0, row, now.onZ());
      toTarget.set(1, row, now.onFirst());
      toTarget.set(2, row, now.onSecond());
    }
    teacher.inputs().push();
    toMid.push();
    toTarget.push();
    midTimes.push();
  }

  @Override
  public List<Launch> target() {
    List<Launch> launches = new ArrayList<>(teacher.inputs().launches());
    launches.addAll(toTeacher);
    launches.addAll(List.of(teacher.evaluation(), keepFirst));
    launches.addAll(midPoint);
    launches.addAll(List.of(toMidTimes, teacher.evaluation(), combine));
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
