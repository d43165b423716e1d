package org.halfstep.graph;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Objects;
import org.halfstep.device.ConvolutionAlgorithm;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.WeightChoice;
import org.halfstep.device.WeightForm;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.model.UNetConfig;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class WeightBudgetTest {
  private static final long MIB = 1L << 20;

  /** 44 million parameters, 168 MiB as stored. */
  private static final Graph M =
      new UNetConfig(
              32,
              3,
              128,
              3,
              2,
              List.of(16, 8),
              List.of(1.0, 2.0, 2.0, 2.0),
              10,
              false,
              64,
              null,
              true,
              true,
              true,
              true,
              0,
              null)
          .graph();

  private final Device device = new CpuDevice();

  @AfterEach
  void close() {
    device.close();
  }

  private WeightBudget budget(long mebibytes) {
    return budget(DataType.F32, mebibytes);
  }

  private WeightBudget budget(DataType stored, long mebibytes) {
    return WeightBudget.of(device, M, weight -> stored, WeightUse.within(mebibytes * MIB));
  }

  @Test
  void withoutALimitEveryLayerTakesWhatIsFastest() {
    WeightBudget budget = budget(1 << 20);
    assertFalse(budget.layers().isEmpty());
    assertTrue(budget.layers().stream().noneMatch(WeightBudget.Layer::isSmaller));
  }

  @Test
  void theSumStaysWithinTheLimitAndTheLeastTimeIsLost() {
    double before = 0;
    for (long limit : new long[] {500, 400, 300, 200}) {
      WeightBudget budget = budget(limit);
      assertTrue(budget.bytes() <= limit * MIB, limit + ": " + budget.bytes());
      double time =
          budget.layers().stream().mapToDouble(layer -> layer.choice().milliseconds()).sum();
      assertTrue(time >= before, "less memory does not make it faster");
      before = time;
    }
  }

  @Test
  void aLimitThatNothingKeepsTakesTheSmallest() {
    WeightBudget budget = budget(1);
    assertTrue(budget.bytes() > MIB);
    assertTrue(
        budget.layers().stream()
            .map(WeightBudget.Layer::choice)
            .allMatch(
                choice ->
                    choice.form() == WeightForm.TAPS
                        || choice.algorithm() == ConvolutionAlgorithm.DIRECT));
    assertTrue(budget.bytes() < 1.01 * Float.BYTES * M.parameterCount(), "no more than is stored");
  }

  @ParameterizedTest
  @EnumSource(
      value = DataType.class,
      names = {"F16", "BF16"})
  void weightsOf16BitsTakeHalf(DataType stored) {
    long wide = budget(1).bytes();
    WeightBudget budget = budget(stored, 1);
    assertTrue(budget.bytes() < 0.52 * wide, budget.bytes() + " of " + wide);
    assertTrue(budget.layers().stream().allMatch(layer -> layer.choice().type() == stored));
    assertFalse(
        budget(stored, 1 << 20).layers().stream().anyMatch(WeightBudget.Layer::isSmaller),
        "nothing is smaller than it needs to be");
  }

  /** Storage that can be read where it is. */
  private record Mapped(DataType stored) implements WeightBudget.Storage {
    @Override
    public DataType type(Parameter weight) {
      return stored;
    }

    @Override
    public boolean isMapped(Parameter weight) {
      return true;
    }
  }

  /** Packing is worth its time where it is used often enough, and the algorithm stays. */
  @ParameterizedTest
  @EnumSource(
      value = DataType.class,
      names = {"F32", "F16", "BF16"})
  void fewEvaluationsPackLess(DataType stored) {
    long before = 0;
    List<ConvolutionAlgorithm> algorithms = null;
    for (long evaluations : new long[] {1, 4, 50, 100_000, WeightUse.MANY}) {
      WeightUse use = new WeightUse(MIB << 20, evaluations);
      WeightBudget budget = WeightBudget.of(device, M, new Mapped(stored), use);
      assertTrue(budget.bytes() >= before, evaluations + ": " + budget.bytes());
      before = budget.bytes();
      List<WeightChoice> choices =
          M.parameters().values().stream().map(budget::choice).filter(Objects::nonNull).toList();
      List<ConvolutionAlgorithm> now = choices.stream().map(WeightChoice::algorithm).toList();
      algorithms = algorithms == null ? now : algorithms;
      assertFalse(now.isEmpty());
      assertEquals(algorithms, now, evaluations + " evaluations");
      if (evaluations == 1) {
        assertTrue(choices.stream().allMatch(choice -> choice.form() == WeightForm.STORED));
      }
      if (evaluations == WeightUse.MANY) {
        assertTrue(choices.stream().noneMatch(choice -> choice.form() == WeightForm.STORED));
      }
    }
  }

  @Test
  void theSameNetworkAndLimitGiveTheSameChoice() {
    assertEquals(budget(300).layers(), budget(300).layers());
  }

  @Test
  void aDeviceThatWasToldHowHasNoChoice() {
    try (Device direct = new CpuDevice(0, ConvolutionAlgorithm.DIRECT)) {
      assertTrue(
          WeightBudget.of(direct, M, weight -> DataType.F32, WeightUse.within(MIB))
              .layers()
              .isEmpty());
    }
  }
}
