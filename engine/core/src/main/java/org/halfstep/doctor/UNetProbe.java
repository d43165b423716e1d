package org.halfstep.doctor;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Map;
import org.halfstep.checkpoint.Component;
import org.halfstep.checkpoint.UNetDescription;
import org.halfstep.device.Device;
import org.halfstep.device.HostView;
import org.halfstep.device.Owned;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.graph.Value;
import org.halfstep.graph.WeightUse;
import org.halfstep.latent.LatentUNetConfig;
import org.halfstep.latent.LatentUNetPorts;
import org.halfstep.model.ComponentCard;
import org.halfstep.model.Network;
import org.halfstep.model.TensorNames;

/**
 * A latent UNet that is evaluated on a latent of the caller's, in float32. Rows of an evaluation
 * beside the first are given the condition of none.
 */
final class UNetProbe implements AutoCloseable {
  private static final float MEANINGLESS = 0.5f;

  private final Owned owned = new Owned();
  private final Network<LatentUNetConfig, ComponentCard> network;
  private final UNetDescription description;
  private final int pixels;

  UNetProbe(Device device, Component component, int side, int tokens, long memory)
      throws IOException {
    description = (UNetDescription) component.network();
    pixels = side * side;
    network =
        owned.add(
            Network.open(
                device,
                new LatentUNetConfig(description, side, side, tokens),
                new ComponentCard("UNet", Map.of("file", component.tensors().origin())),
                component.quantization(),
                component.tensors(),
                TensorNames.OWN,
                WeightUse.within(memory)));
  }

  /** Numbers of a latent. */
  int numbers() {
    return pixels * description.outChannels();
  }

  /** Whether a class takes the place of a text. */
  boolean hasClasses() {
    return description.classRows() > 0;
  }

  /**
   * A plan with one row, or with two of the same latent.
   *
   * @param context of the first row, float32; unused where there are classes
   * @param none context of the second
   */
  Rows rows(int count, MemorySegment context, MemorySegment none) {
    return new Rows(count, context, none);
  }

  /** A plan with one row and a context that means nothing: one half everywhere. */
  Rows meaningless(int tokens) {
    try (Arena arena = Arena.ofConfined()) {
      long numbers = (long) tokens * description.context();
      MemorySegment half = arena.allocate(Float.BYTES * numbers, Float.BYTES);
      for (long i = 0; i < numbers; i++) {
        half.setAtIndex(ValueLayout.JAVA_FLOAT, i, MEANINGLESS);
      }
      return rows(1, half, half);
    }
  }

  /** A plan with its inputs. */
  final class Rows implements UNetExamination.Answers, AutoCloseable {
    private final Owned mine = new Owned();
    private final Plan plan;
    private final LatentUNetPorts ports;
    private final HostView x;
    private final HostView time;
    private final HostView out;
    private final int count;

    private Rows(int count, MemorySegment context, MemorySegment none) {
      this.count = count;
      ports = network.architecture().ports(network.graph());
      try {
        plan =
            mine.add(
                Plan.inference(
                    network.device(),
                    network.graph(),
                    PlanOptions.inference(count),
                    network.values()));
        plan.prepare();
        x = floats(ports.x());
        time = floats(ports.time());
        out = floats(ports.out());
        if (hasClasses()) {
          HostView labels = view(ports.labels(), Integer.BYTES);
          for (int row = 0; row < count; row++) {
            int label = row == 0 ? 0 : description.classRows() - 1;
            labels.memory().setAtIndex(ValueLayout.JAVA_INT, row, label);
          }
          labels.push();
        } else {
          HostView contexts = floats(ports.context());
          long bytes = contexts.memory().byteSize() / count;
          for (int row = 0; row < count; row++) {
            MemorySegment.copy(row == 0 ? context : none, 0, contexts.memory(), row * bytes, bytes);
          }
          contexts.push();
        }
        if (ports.guidance() != null) {
          HostView guidance = floats(ports.guidance());
          guidance.memory().fill((byte) 0);
          guidance.push();
        }
        plan.condition();
      } catch (RuntimeException | Error failure) {
        mine.close();
        throw failure;
      }
    }

    private HostView floats(Value value) {
      return view(value, Float.BYTES);
    }

    private HostView view(Value value, int bytes) {
      return mine.add(network.device().view(plan.address(value), bytes * plan.count(value)));
    }

    /**
     * Evaluates the network.
     *
     * @param latent one for all rows, HWC; channels of the network beyond it are zero
     * @param step from 0 to 999
     * @return the first row's answer
     */
    @Override
    public float[] evaluate(float[] latent, double step) {
      int channels = description.outChannels();
      int read = description.inChannels();
      for (int row = 0; row < count; row++) {
        time.memory().setAtIndex(ValueLayout.JAVA_FLOAT, row, (float) step);
        for (int pixel = 0; pixel < pixels; pixel++) {
          for (int channel = 0; channel < read; channel++) {
            x.memory()
                .setAtIndex(
                    ValueLayout.JAVA_FLOAT,
                    ((long) row * pixels + pixel) * read + channel,
                    channel < channels ? latent[pixel * channels + channel] : 0);
          }
        }
      }
      x.push();
      time.push();
      plan.forward();
      out.pull();
      float[] answer = new float[numbers()];
      MemorySegment.copy(out.memory(), ValueLayout.JAVA_FLOAT, 0, answer, 0, answer.length);
      return answer;
    }

    @Override
    public void close() {
      mine.close();
    }
  }

  @Override
  public void close() {
    owned.close();
  }
}
