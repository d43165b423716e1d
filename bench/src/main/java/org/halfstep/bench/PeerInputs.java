package org.halfstep.bench;

import java.lang.foreign.ValueLayout;
import org.halfstep.device.HostView;
import org.halfstep.graph.Plan;
import org.halfstep.graph.Value;
import org.halfstep.model.UNetConfig;
import org.halfstep.model.UNetPorts;

/**
 * The inputs of the peers' runs: a sine pattern as images, a time in 0..1000 and a label per
 * sample.
 */
final class PeerInputs {
  private static final float PHASE = 0.37f;
  private static final float FIRST_TIME = 100;

  private PeerInputs() {}

  /** Images, times 100, 101, … and labels in turn. */
  static void fill(Plan plan, UNetConfig config) {
    float[] times = new float[plan.batch()];
    int[] labels = new int[plan.batch()];
    for (int row = 0; row < plan.batch(); row++) {
      times[row] = FIRST_TIME + row;
      labels[row] = row % config.numClasses();
    }
    fillImages(plan, config);
    fillRows(plan, config, times, labels);
  }

  static void fillRows(Plan plan, UNetConfig config, float[] times, int[] labels) {
    UNetPorts ports = config.ports(plan.graph());
    try (HostView t = plan.device().view(plan.address(ports.time()), Float.BYTES * plan.batch());
        HostView y =
            plan.device().view(plan.address(ports.labels()), Integer.BYTES * plan.batch())) {
      for (int row = 0; row < plan.batch(); row++) {
        t.memory().setAtIndex(ValueLayout.JAVA_FLOAT, row, times[row]);
        y.memory().setAtIndex(ValueLayout.JAVA_INT, row, labels[row]);
      }
      t.push();
      y.push();
    }
  }

  /** sin(0.37 i), i counting the peers' way: sample, channel, row, column. */
  private static void fillImages(Plan plan, UNetConfig config) {
    Value x = config.ports(plan.graph()).x();
    long count = plan.count(x);
    try (HostView images = plan.device().view(plan.address(x), Float.BYTES * count)) {
      for (long i = 0; i < count; i++) {
        images
            .memory()
            .setAtIndex(
                ValueLayout.JAVA_FLOAT,
                channelsLast(i, config.inChannels(), count / plan.batch()),
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
