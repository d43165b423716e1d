package org.halfstep.latent;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.halfstep.checkpoint.AutoencoderDescription;
import org.halfstep.checkpoint.Component;
import org.halfstep.checkpoint.HashedTensors;
import org.halfstep.device.Device;
import org.halfstep.device.DeviceArrays;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.graph.WeightUse;
import org.halfstep.model.ComponentCard;
import org.halfstep.model.Network;
import org.halfstep.random.Philox;

/** Small first stages with hashed weights, and numbers to feed them. */
public final class FirstStages {
  static final double SCALING = 0.25;

  private FirstStages() {}

  /** A Gaussian one that halves images once. */
  public static AutoencoderDescription gaussian() {
    return new AutoencoderDescription(3, 4, List.of(32, 64), 1, 8, SCALING, 0, 4);
  }

  /** One that looks up 16 codes. */
  static AutoencoderDescription quantized() {
    return new AutoencoderDescription(3, 3, List.of(32, 64), 1, 8, SCALING, 16, 3);
  }

  public static Component component(AutoencoderDescription network, HashedTensors weights) {
    return new Component(network, network.toJson(), weights);
  }

  /** Normal numbers. */
  public static MemorySegment normal(Arena arena, long count, int draw) {
    float[] values = new float[Math.toIntExact(count)];
    Philox.normal(3, 0, draw, values);
    return memory(arena, values);
  }

  static MemorySegment memory(Arena arena, float... values) {
    return arena.allocateFrom(ValueLayout.JAVA_FLOAT, values);
  }

  public static float[] floats(MemorySegment memory) {
    return memory.toArray(ValueLayout.JAVA_FLOAT);
  }

  /** What one half computes, without a front door, of weights packed as that packs them. */
  static float[] run(Device device, AutoencoderConfig config, HashedTensors weights, float... in)
      throws IOException {
    try (Network<AutoencoderConfig, ComponentCard> network =
            FirstStageHalf.open(
                device,
                config.sized(FirstStage.USUAL_SIDE, FirstStage.USUAL_SIDE),
                weights,
                WeightUse.standard());
        Plan plan =
            Plan.inference(device, config.graph(), PlanOptions.inference(1), network.values())) {
      AutoencoderPorts ports = config.ports(plan.graph());
      DeviceArrays.write(device, plan.address(ports.in()), in);
      plan.prepare();
      plan.forward();
      return DeviceArrays.read(
          device, plan.address(ports.out()), Math.toIntExact(plan.count(ports.out())));
    }
  }
}
