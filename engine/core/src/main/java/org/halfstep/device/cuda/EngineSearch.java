package org.halfstep.device.cuda;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.halfstep.bindings.Cudnn;
import org.halfstep.bindings.CudnnException;
import org.halfstep.device.DataType;
import org.halfstep.device.Owned;

/**
 * Finds an engine of cuDNN for an operation and compiles it, or reads it from disk.
 *
 * <p>cuDNN ranks its engine configurations by heuristics (mode B, then A, then the list of
 * fallbacks that are only slow). The first that is allowed, fits the workspace and compiles is
 * taken. Not allowed are sums in less than float32 and, when results must not change from run to
 * run, engines that say they may. Products of {@link DataType#F32} are those of float32: no tensor
 * cores, no rounded inputs, and no transform whose rounding errors are larger than a sum's own; nor
 * are engines compiled for them, which takes minutes where tensor cores are not used.
 */
final class EngineSearch {
  private static final int[] MODES = {
    Cudnn.CUDNN_HEUR_MODE_B, Cudnn.CUDNN_HEUR_MODE_A, Cudnn.CUDNN_HEUR_MODE_FALLBACK
  };

  /** More than there are kinds of notes. */
  private static final int MOST_NOTES = 64;

  private final boolean deterministic;
  private final PlanCache cache;

  /**
   * @param deterministic whether the same input must give the same bits in every run
   * @param cache plans on disk, which other processes use as well
   */
  EngineSearch(boolean deterministic, PlanCache cache) {
    this.deterministic = deterministic;
    this.cache = cache;
  }

  /**
   * A plan, closed by whoever asks; empty if cuDNN has none. Several threads may ask at a time.
   *
   * @param target of no other thread
   */
  Optional<CudnnPlan> plan(CudnnTarget target, PlanRequest request) {
    String key = request.key(deterministic);
    return fromCache(target, key, request.workspaceLimit())
        .or(() -> search(target, request.operation(), key, request.workspaceLimit()));
  }

  private Optional<CudnnPlan> fromCache(CudnnTarget target, String key, long workspaceLimit) {
    Optional<String> stored = cache.load(key);
    if (stored.isEmpty()) {
      return Optional.empty();
    }
    CudnnDescriptor descriptor = CudnnDescriptor.of(Cudnn.CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    try {
      target.bindPlan(descriptor);
      descriptor
          .setText(Cudnn.CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, stored.get())
          .finish();
      CudnnPlan plan = CudnnPlan.of(descriptor, "from the cache");
      if (plan.workspaceBytes() <= workspaceLimit) {
        return Optional.of(plan);
      }
    } catch (CudnnException refused) {
      cache.remove(key);
    }
    descriptor.close();
    return Optional.empty();
  }

  private Optional<CudnnPlan> search(
      CudnnTarget target, CudnnOperation operation, String key, long workspaceLimit) {
    try (Owned parts = new Owned()) {
      CudnnDescriptor graph = operation.graph(parts, target);
      for (int mode : MODES) {
        for (CudnnDescriptor configuration : configurations(parts, target, graph, mode)) {
          Optional<CudnnPlan> plan =
              compile(parts, target, configuration, operation.type(), workspaceLimit);
          if (plan.isPresent()) {
            CudnnDescriptor found = plan.get().descriptor();
            keep(
                cache,
                key,
                () -> found.getText(Cudnn.CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION));
            return plan;
          }
        }
      }
    } catch (CudnnException unsupported) {
      if (isFailure(unsupported)) {
        throw unsupported;
      }
    }
    return Optional.empty();
  }

  /** Stores a plan where it can be written as text; one that cannot is as good as any other. */
  static void keep(PlanCache cache, String key, Supplier<String> text) {
    try {
      cache.store(key, text.get());
    } catch (CudnnException notSerialisable) {
      // It will be found again, which takes its time again.
    }
  }

  private List<CudnnDescriptor> configurations(
      Owned parts, CudnnTarget target, CudnnDescriptor graph, int mode) {
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
      if (isFailure(unsupported)) {
        throw unsupported;
      }
      return List.of();
    }
  }

  private Optional<CudnnPlan> compile(
      Owned parts,
      CudnnTarget target,
      CudnnDescriptor configuration,
      DataType type,
      long workspaceLimit) {
    CudnnDescriptor descriptor = null;
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
      if (!allowed(notes, behaviour, type)) {
        return Optional.empty();
      }
      descriptor = CudnnDescriptor.of(Cudnn.CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
      target.bindPlan(descriptor);
      descriptor.set(Cudnn.CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, configuration).finish();
      CudnnPlan plan =
          CudnnPlan.of(
              descriptor, "engine " + engine.getLong(Cudnn.CUDNN_ATTR_ENGINE_GLOBAL_INDEX));
      if (plan.workspaceBytes() <= workspaceLimit) {
        return Optional.of(plan);
      }
    } catch (CudnnException unsupported) {
      if (isFailure(unsupported)) {
        throw unsupported;
      }
    }
    if (descriptor != null) {
      descriptor.close();
    }
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
   * Whether a status is more than "not this one": cuDNN's categories 2000 and 3000 are about the
   * request, 4000 is also what a kernel that does not compile gives, and 5000 one that the driver
   * does not load. Planning runs nothing, so another engine may do.
   */
  private static boolean isFailure(CudnnException exception) {
    return exception.status() < 2000;
  }
}
