package org.halfstep.device.cuda.cudnn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.halfstep.bindings.CudnnException;
import org.halfstep.device.cuda.HostDriver;
import org.halfstep.device.cuda.driver.CudaException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Times by a device whose clock is moved by what it runs. */
class EventTimerTest {
  private final HostDriver driver = new HostDriver();
  private final long stream = driver.createStream();

  @AfterEach
  void everythingWasGivenBack() {
    assertEquals(1, driver.held(), "the stream, and nothing else");
  }

  private Runnable takes(double microseconds) {
    return () -> driver.clock += microseconds / 1e3;
  }

  private double[] microseconds(Runnable... work) {
    return new EventTimer(driver, stream).microseconds(List.of(work));
  }

  @Test
  void timesAreThoseOfOneRun() {
    assertArrayEquals(
        new double[] {12, 7.5, 400, 9},
        microseconds(takes(12), takes(7.5), takes(400), takes(9)),
        1e-3);
  }

  @Test
  void shortWorkIsRunManyTimesInEachTurnAndLongWorkTwice() {
    int[] runs = new int[2];
    microseconds(
        () -> {
          runs[0]++;
          driver.clock += 0.3;
        },
        () -> {
          runs[1]++;
          driver.clock += 0.2;
        });
    int turns = 1 + EventTimer.ROUNDS;
    assertEquals(2 + 2 * turns, runs[0], "two before, and two in every turn");
    assertEquals(2 + 2 * turns, runs[1]);
    int[] shorter = new int[1];
    microseconds(
        () -> {
          shorter[0]++;
          driver.clock += 0.001;
        });
    assertEquals(2 + 10 * turns, shorter[0]);
  }

  /** Were one timed after the other, the first would look slower than it is. */
  @Test
  void aClockThatRisesFavoursNone() {
    double[] slowness = {8};
    Runnable each =
        () -> {
          driver.clock += slowness[0] * 0.010;
          slowness[0] = Math.max(1, slowness[0] * 0.97);
        };
    double[] times = microseconds(each, each, each, each);
    for (double time : times) {
      assertEquals(10, time, 1e-3);
    }
  }

  @Test
  void whatIsFarBehindIsNotRunAgain() {
    int[] runs = new int[1];
    double[] times =
        microseconds(
            takes(10),
            () -> {
              runs[0]++;
              driver.clock += 0.250;
            });
    assertArrayEquals(new double[] {10, 250}, times, 1e-3);
    assertEquals(2 + 2 * 2, runs[0], "before, a turn that does not count, and one that does");
  }

  @Test
  void whatFailsHasNoTimeAndStopsNoOther() {
    List<Runnable> work = new ArrayList<>();
    work.add(
        () -> {
          throw new CudnnException(
              "cudnnBackendExecute", 5000, "CUDNN_STATUS_EXECUTION_FAILED", "");
        });
    work.add(takes(5));
    int[] runs = new int[1];
    work.add(
        () -> {
          if (++runs[0] > 4) {
            throw new CudaException("cuGraphLaunch", 700, "CUDA_ERROR_OTHER", "late");
          }
          driver.clock += 0.004;
        });
    double[] times = new EventTimer(driver, stream).microseconds(work);
    assertTrue(Double.isNaN(times[0]));
    assertEquals(5, times[1], 1e-3);
    assertTrue(Double.isNaN(times[2]));
  }

  @Test
  void whatCannotBeRecordedHasNoTime() {
    driver.refusesCapture = true;
    assertTrue(Double.isNaN(microseconds(takes(5))[0]));
  }
}
