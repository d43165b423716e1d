package org.halfstep.device.cuda.cudnn;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.halfstep.bindings.Cudnn;
import org.halfstep.bindings.CudnnException;
import org.halfstep.device.DataType;
import org.halfstep.device.Owned;

/**
 * cuDNN's engines: its rankings, which of them may be used, and plans made of them.
 *
 * <p>Not allowed are sums in less than float32 and, when results must not change from run to run,
 * engines that say they may. Products of {@link DataType#F32} are those of float32: no tensor
 * cores, no rounded inputs, and no transform whose rounding errors are larger than a sum's own; nor
 * are engines compiled for them, which takes minutes where tensor cores are not used.
 */
final class CudnnEngines {
  /** More than there are kinds of notes. */
  private static final int MOST_NOTES = 64;

  /** More than there are kinds of knobs. */
  private static final int MOST_KNOBS = 64;

  private final boolean deterministic;

  /**
   * @param deterministic whether the same input must give the same bits in every run
   */
  CudnnEngines(boolean deterministic) {
    this.deterministic = deterministic;
  }

  /**
   * An engine with what it leaves to choose, as tile sizes.
   *
   * @param configuration what a plan is made of
   * @param engine the engine's number
   * @param name the number and the knobs, "engine 38 k2=6 k14=3": two of one name are the same
   */
  record Candidate(CudnnDescriptor configuration, long engine, String name) {}

  /**
   * Engine configurations for a graph, the one that is expected to be the fastest first.
   *
   * @param parts closes them
   * @param mode one of {@code CUDNN_HEUR_MODE_...}
   */
  List<CudnnDescriptor> ranking(Owned parts, CudnnTarget target, CudnnDescriptor graph, int mode) {
    CudnnDescriptor heuristics =
        parts.add(CudnnDescriptor.of(Cudnn.CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR));
    target.bindHeuristics(heuristics);
    heuristics
        .set(Cudnn.CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph)
        .setEnum(Cudnn.CUDNN_ATTR_ENGINEHEUR_MODE, Cudnn.CUDNN_TYPE_HEUR_MODE, mode);
    try {
      heuristics.finish();
      List<CudnnDescriptor> found =
          heuristics.getDescriptors(
              Cudnn.CUDNN_ATTR_ENGINEHEUR_RESULTS, Cudnn.CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
      found.forEach(parts::add);
      return found;
    } catch (CudnnException unsupported) {
      rethrowFailure(unsupported);
      return List.of();
    }
  }

  /**
   * An engine configuration, if it may be used.
   *
   * @param parts closes what it consists of
   */
  Optional<Candidate> allowed(Owned parts, CudnnDescriptor configuration, DataType type) {
    try {
      List<CudnnDescriptor> engines =
          configuration.getDescriptors(
              Cudnn.CUDNN_ATTR_ENGINECFG_ENGINE, Cudnn.CUDNN_BACKEND_ENGINE_DESCRIPTOR);
      engines.forEach(parts::add);
      CudnnDescriptor engine = engines.getFirst();
      int[] notes =
          engine.getEnums(
              Cudnn.CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, Cudnn.CUDNN_TYPE_NUMERICAL_NOTE, MOST_NOTES);
      int[] behaviour =
          engine.getEnums(
              Cudnn.CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE, Cudnn.CUDNN_TYPE_BEHAVIOR_NOTE, MOST_NOTES);
      if (allowed(notes, behaviour, type)) {
        long number = engine.getLong(Cudnn.CUDNN_ATTR_ENGINE_GLOBAL_INDEX);
        String name = "engine " + number + knobs(configuration);
        return Optional.of(new Candidate(configuration, number, name));
      }
    } catch (CudnnException unsupported) {
      rethrowFailure(unsupported);
    }
    return Optional.empty();
  }

  /** What is chosen of an engine's knobs, " k2=6 k14=3"; empty where cuDNN does not say. */
  private static String knobs(CudnnDescriptor configuration) {
    List<CudnnDescriptor> choices = List.of();
    try {
      choices =
          configuration.getDescriptors(
              Cudnn.CUDNN_ATTR_ENGINECFG_KNOB_CHOICES,
              Cudnn.CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR,
              MOST_KNOBS);
      StringBuilder text = new StringBuilder();
      for (CudnnDescriptor choice : choices) {
        int[] knob =
            choice.getEnums(Cudnn.CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, Cudnn.CUDNN_TYPE_KNOB_TYPE, 1);
        text.append(" k").append(knob[0]).append('=');
        text.append(choice.getLong(Cudnn.CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE));
      }
      return text.toString();
    } catch (CudnnException untold) {
      return "";
    } finally {
      choices.forEach(CudnnDescriptor::close);
    }
  }

  /** A plan, closed by the caller, if it can be made and is content with the workspace. */
  Optional<CudnnPlan> compile(CudnnTarget target, Candidate candidate, long workspaceLimit) {
    CudnnDescriptor descriptor = CudnnDescriptor.of(Cudnn.CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    try {
      target.bindPlan(descriptor);
      descriptor
          .set(Cudnn.CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, candidate.configuration())
          .finish();
      CudnnPlan plan = CudnnPlan.of(descriptor, candidate.name());
      if (plan.workspaceBytes() <= workspaceLimit) {
        return Optional.of(plan);
      }
    } catch (CudnnException unsupported) {
      descriptor.close();
      rethrowFailure(unsupported);
      return Optional.empty();
    }
    descriptor.close();
    return Optional.empty();
  }

  /** Whether an engine with these numerical and behaviour notes may be used. */
  boolean allowed(int[] notes, int[] behaviour, DataType type) {
    List<Integer> excluded = new ArrayList<>();
    excluded.add(Cudnn.CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION);
    if (deterministic) {
      excluded.add(Cudnn.CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC);
    }
    if (type == DataType.F32) {
      excluded.add(Cudnn.CUDNN_NUMERICAL_NOTE_TENSOR_CORE);
      excluded.add(Cudnn.CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS);
      excluded.add(Cudnn.CUDNN_NUMERICAL_NOTE_FFT);
      excluded.add(Cudnn.CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_6x6);
      excluded.add(Cudnn.CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13);
    }
    boolean compiles =
        Arrays.stream(behaviour)
            .anyMatch(note -> note == Cudnn.CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION);
    return Arrays.stream(notes).noneMatch(excluded::contains)
        && !(compiles && type == DataType.F32);
  }

  /**
   * Throws what is more than "not this one": cuDNN's categories 2000 and 3000 are about the
   * request, 4000 is also what a kernel that does not compile gives, and 5000 one that the driver
   * does not load. Planning runs nothing, so another engine may do.
   */
  static void rethrowFailure(CudnnException exception) {
    if (exception.status() < 2000) {
      throw exception;
    }
  }
}
