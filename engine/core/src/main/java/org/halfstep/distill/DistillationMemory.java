package org.halfstep.distill;

import java.util.ArrayList;
import java.util.List;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.graph.FrozenWeights;
import org.halfstep.graph.Graph;
import org.halfstep.graph.Plan;
import org.halfstep.graph.PlanOptions;
import org.halfstep.latent.ClipTextConfig;
import org.halfstep.model.DiffusionArchitecture;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.train.RunSettings;

/**
 * What a phase of a distillation takes of a device's memory, from what plans and weights say of
 * themselves before anything is taken.
 *
 * @param uses by what takes it, in the order in which people read it
 */
public record DistillationMemory(List<Use> uses) {
  /** Images of a batch at once: clean, noise, noised, target. */
  private static final int IMAGES = 4;

  /**
   * Bytes of one thing.
   *
   * @param what takes them, such as "gradients"
   */
  public record Use(String what, long bytes) {}

  public DistillationMemory {
    uses = List.copyOf(uses);
  }

  /**
   * What stage one takes, which evaluates its teacher with and without condition: more than every
   * other phase.
   *
   * @param teacher opened for inference
   * @param student the trained network's graph
   * @param encoder of the captions; null for classes
   * @param recomputes whether the student's blocks run once more on the way back
   */
  public static DistillationMemory ofStageOne(
      Device device,
      Network<? extends DiffusionArchitecture, ModelCard> teacher,
      Graph student,
      Network<ClipTextConfig, ?> encoder,
      RunSettings run,
      boolean recomputes) {
    List<Use> uses = new ArrayList<>();
    long slab = Float.BYTES * student.parameterFloats();
    uses.add(new Use("trained weights", slab));
    uses.add(new Use("gradients", slab));
    uses.add(
        new Use(
            "optimizer's moments",
            2L * run.optimizer().momentType().bytes() * student.parameterFloats()));
    if (run.optimizer().hasEma()) {
      uses.add(new Use("moving average", slab));
    }
    int more = run.optimizer().furtherAverages().size();
    if (more > 0) {
      uses.add(new Use("further averages", more * slab));
    }
    if (run.optimizer().parts() != null) {
      uses.add(new Use("sum of gradients", slab));
    }
    DataType type = run.precision();
    int batch = run.rows();
    uses.add(
        new Use(
            "activations and packed weights of the trained network",
            Plan.requiredBytes(
                device,
                student,
                PlanOptions.training(batch, 0).withType(type).withRecomputation(recomputes))));
    uses.add(new Use("teacher's weights", weights(teacher, type)));
    uses.add(
        new Use(
            "teacher's activations",
            Plan.requiredBytes(
                device, teacher.graph(), PlanOptions.inference(2 * batch).withType(type))));
    if (encoder != null) {
      // It runs once for both networks; the contexts of no text are kept.
      Graph text = encoder.graph();
      long plan = Plan.requiredBytes(device, text, PlanOptions.inference(batch));
      long kept =
          (long) Float.BYTES * batch * encoder.architecture().ports(text).out().shape().size();
      uses.add(new Use("text encoder", weights(encoder, DataType.F32) + plan + kept));
    }
    long image = student.named("out").shape().size();
    uses.add(new Use("batch", (long) Float.BYTES * IMAGES * batch * image));
    return new DistillationMemory(uses);
  }

  /** Of weights that plans of a type share: those of float32 choose how much they pack. */
  private static long weights(Network<?, ?> network, DataType type) {
    return type == DataType.F32
        ? ((FrozenWeights) network.values()).budget().bytes()
        : type.bytes() * network.graph().parameterFloats();
  }

  /** All of it. */
  public long bytes() {
    return uses.stream().mapToLong(Use::bytes).sum();
  }
}
