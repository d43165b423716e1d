package org.halfstep.bench;

import java.lang.foreign.ValueLayout;
import org.halfstep.device.HostWindow;
import org.halfstep.graph.Plan;

/**
 * The inputs of the peers' runs: a sine pattern as images, a time in 0..1000 and a label per
 * sample.
 */
final class PeerInputs {
  private static final float PHASE = 0.37f;
  private static final float FIRST_TIME = 100;

  private PeerInputs() {}

  /** Images, times 100, 101, … and labels in turn. */
  static void fill(Plan plan, int channels, int classes) {
    float[] times = new float[plan.batch()];
    int[] labels = new int[plan.batch()];
    for (int row = 0; row < plan.batch(); row++) {
      times[row] = FIRST_TIME + row;
      labels[row] = row % classes;
    }
    fillImages(plan, channels);
    fillRows(plan, times, labels);
  }

  static void fillRows(Plan plan, float[] times, int[] labels) {
    try (HostWindow t = plan.device().window(plan.address("t"), Float.BYTES * plan.count("t"));
        HostWindow y = plan.device().window(plan.address("y"), Integer.BYTES * plan.count("y"))) {
      for (int row = 0; row < plan.batch(); row++) {
        t.memory().setAtIndex(ValueLayout.JAVA_FLOAT, row, times[row]);
        y.memory().setAtIndex(ValueLayout.JAVA_INT, row, labels[row]);
      }
      t.push();
      y.push();
    }
  }

  /** sin(0.37 i), i counting the peers' way: sample, channel, row, column. */
  private static void fillImages(Plan plan, int channels) {
    long count = plan.count("x");
    try (HostWindow images = plan.device().window(plan.address("x"), Float.BYTES * count)) {
      for (long i = 0; i < count; i++) {
        images
            .memory()
            .setAtIndex(
                ValueLayout.JAVA_FLOAT,
                channelsLast(i, channels, count / plan.batch()),
                (float) Math.sin((float) i * PHASE));
      }
      images.push();
    }
  }

  /**
   * Where element i of a batch stored with channels first lies in ours, whose channels are last.
   */
  static long channelsLast(long i, int channels, long imageValues) {
    long pixels = imageValues / channels;
    long sample = i / imageValues;
    long channel = i % imageValues / pixels;
    return (sample * pixels + i % pixels) * channels + channel;
  }
}
