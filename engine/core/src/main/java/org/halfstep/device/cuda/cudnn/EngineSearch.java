package org.halfstep.device.cuda.cudnn;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import org.halfstep.bindings.Cudnn;
import org.halfstep.bindings.CudnnException;
import org.halfstep.device.Owned;

/**
 * Finds an engine of cuDNN for an operation and compiles it, or reads it from disk.
 *
 * <p>cuDNN ranks its engine configurations by heuristics (mode B, then A, then the list of
 * fallbacks that are only slow). The first that is allowed, fits the workspace and compiles is
 * taken; or, where plans are timed, the fastest of a few of modes B and A. A plan that was timed is
 * kept under a key of its own, so it is timed once, and the first of the ranking stays what it was.
 * Where nothing could be timed, the first is taken, and asked again next time.
 */
final class EngineSearch {
  private static final int[] MODES = {
    Cudnn.CUDNN_HEUR_MODE_B, Cudnn.CUDNN_HEUR_MODE_A, Cudnn.CUDNN_HEUR_MODE_FALLBACK
  };
  private static final int[] TIMED_MODES = {Cudnn.CUDNN_HEUR_MODE_B, Cudnn.CUDNN_HEUR_MODE_A};

  /** Plans that are timed from the beginning of the rankings; PyTorch times as many by default. */
  private static final int MOST_FIRST = 10;

  /** The same with those of other engines. */
  static final int MOST_CANDIDATES = 14;

  private final boolean deterministic;
  private final CudnnEngines engines;
  private final CudnnPlanCache cache;
  private final Optional<EngineTrials> trials;

  /**
   * @param deterministic whether the same input must give the same bits in every run; then nothing
   *     is timed
   * @param cache plans on disk, which other processes use as well
   * @param trials what times plans; empty to take the first of the ranking
   */
  EngineSearch(boolean deterministic, CudnnPlanCache cache, Optional<EngineTrials> trials) {
    this.deterministic = deterministic;
    this.engines = new CudnnEngines(deterministic);
    this.cache = cache;
    this.trials = deterministic ? Optional.empty() : trials;
  }

  /**
   * A plan, closed by whoever asks; empty if cuDNN has none. Several threads may ask at a time.
   *
   * @param target of no other thread
   */
  Optional<CudnnPlan> plan(CudnnTarget target, PlanRequest request) {
    return trials
        .filter(runs -> runs.canRun(target))
        .flatMap(
            runs ->
                kept(
                    target,
                    request,
                    EngineChoice.TIMED,
                    parts -> fastest(parts, target, request, runs)))
        .or(
            () ->
                kept(target, request, EngineChoice.FIRST, parts -> first(parts, target, request)));
  }

  /** Whether engines are chosen by timing. */
  boolean isTimed() {
    return trials.isPresent();
  }

  /** How engines are chosen, and what was timed by now, for people. */
  String description() {
    if (isTimed()) {
      return "timed, " + trials.get().summary() + ", as " + EngineChoice.PROPERTY + " says";
    }
    return "first of cuDNN's ranking"
        + (deterministic
            ? ", deterministic"
            : "; "
                + EngineChoice.PROPERTY
                + "=timed is faster, and its results are yet to be checked");
  }

  /** Makes a plan; what it needs meanwhile is closed by {@code parts}. */
  private interface Search {
    Optional<CudnnPlan> in(Owned parts);
  }

  /** From the cache, or found and stored there. */
  private Optional<CudnnPlan> kept(
      CudnnTarget target, PlanRequest request, EngineChoice choice, Search search) {
    String key = request.key(deterministic, choice);
    Optional<CudnnPlan> known = fromCache(target, key, request.workspaceLimit());
    if (known.isPresent()) {
      return known;
    }
    try (Owned parts = new Owned()) {
      Optional<CudnnPlan> found = search.in(parts);
      found
          .map(CudnnPlan::descriptor)
          .ifPresent(
              plan ->
                  keep(
                      cache,
                      key,
                      () -> plan.getText(Cudnn.CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION)));
      return found;
    } catch (CudnnException unsupported) {
      CudnnEngines.rethrowFailure(unsupported);
      return Optional.empty();
    }
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

  /** Stores a plan where it can be written as text; one that cannot is as good as any other. */
  static void keep(CudnnPlanCache cache, String key, Supplier<String> text) {
    try {
      cache.store(key, text.get());
    } catch (CudnnException notSerialisable) {
      // It will be found again, which takes its time again.
    }
  }

  private Optional<CudnnPlan> first(Owned parts, CudnnTarget target, PlanRequest request) {
    CudnnDescriptor graph = request.operation().graph(parts, target);
    for (int mode : MODES) {
      for (CudnnDescriptor configuration : engines.ranking(parts, target, graph, mode)) {
        Optional<CudnnPlan> plan =
            engines
                .allowed(parts, configuration, request.operation().type())
                .flatMap(candidate -> engines.compile(target, candidate, request.workspaceLimit()));
        if (plan.isPresent()) {
          return plan;
        }
      }
    }
    return Optional.empty();
  }

  private Optional<CudnnPlan> fastest(
      Owned parts, CudnnTarget target, PlanRequest request, EngineTrials runs) {
    List<CudnnPlan> candidates = new ArrayList<>();
    Optional<CudnnPlan> winner = Optional.empty();
    try {
      makeCandidates(parts, target, request, candidates);
      winner = runs.fastest(target, request.operation(), candidates);
      return winner;
    } finally {
      for (CudnnPlan candidate : candidates) {
        if (winner.isEmpty() || candidate != winner.get()) {
          close(candidate);
        }
      }
    }
  }

  private static void close(CudnnPlan loser) {
    try {
      loser.close();
    } catch (CudnnException stays) {
      // It takes memory until the process ends, and decides nothing.
    }
  }

  /**
   * The first few, of which the very first is the one that is taken without timing; and since they
   * tend to be one engine with other tiles, the best of some engines that are not among them.
   */
  private void makeCandidates(
      Owned parts, CudnnTarget target, PlanRequest request, List<CudnnPlan> candidates) {
    Set<Long> tried = new HashSet<>();
    List<CudnnEngines.Candidate> others = new ArrayList<>();
    for (CudnnEngines.Candidate candidate : ranked(parts, target, request.operation())) {
      if (candidates.size() == MOST_FIRST) {
        others.add(candidate);
      } else {
        engines.compile(target, candidate, request.workspaceLimit()).ifPresent(candidates::add);
        tried.add(candidate.engine());
      }
    }
    for (CudnnEngines.Candidate other : others) {
      if (candidates.size() < MOST_CANDIDATES && tried.add(other.engine())) {
        engines.compile(target, other, request.workspaceLimit()).ifPresent(candidates::add);
      }
    }
  }

  /** What may be timed, the best of each ranking in turns, and nothing twice. */
  private List<CudnnEngines.Candidate> ranked(
      Owned parts, CudnnTarget target, CudnnGraphSpec operation) {
    CudnnDescriptor graph = operation.graph(parts, target);
    List<Iterator<CudnnDescriptor>> rankings = new ArrayList<>();
    for (int mode : TIMED_MODES) {
      rankings.add(engines.ranking(parts, target, graph, mode).iterator());
    }
    Map<String, CudnnEngines.Candidate> ranked = new LinkedHashMap<>();
    while (rankings.stream().anyMatch(Iterator::hasNext)) {
      for (Iterator<CudnnDescriptor> ranking : rankings) {
        if (ranking.hasNext()) {
          engines
              .allowed(parts, ranking.next(), operation.type())
              .ifPresent(candidate -> ranked.putIfAbsent(candidate.name(), candidate));
        }
      }
    }
    return List.copyOf(ranked.values());
  }
}
