package org.halfstep.sample;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.halfstep.checkpoint.SchedulerConfig;
import org.halfstep.diffusion.Solver;
import org.halfstep.diffusion.TimeGrid;
import org.halfstep.diffusion.TimeGrid.End;
import org.halfstep.diffusion.TimeGrid.Spacing;

/**
 * How a checkpoint's scheduler_config.json is sampled, by the sampler that it names or by another
 * one: keys that stand in the file hold for all of them, and those that do not have the value that
 * the sampler's own class gives them.
 *
 * @param config as it was read
 */
record LatentSampling(SchedulerConfig config) {
  private static final String SPACING = "timestep_spacing";
  private static final String CLEAN = "set_alpha_to_one";
  private static final String FINAL = "final_sigmas_type";
  private static final String KARRAS = "use_karras_sigmas";

  private static final Map<String, Solver> SOLVERS =
      Map.of(
          "DDIMScheduler", Solver.DDIM,
          "DDPMScheduler", Solver.ANCESTRAL,
          "PNDMScheduler", Solver.PNDM,
          "EulerDiscreteScheduler", Solver.EULER,
          "EulerAncestralDiscreteScheduler", Solver.EULER_ANCESTRAL,
          "DPMSolverMultistepScheduler", Solver.DPM_SOLVER,
          "LCMScheduler", Solver.CONSISTENCY);

  /** The sampler that the file names; DDIM where it names one that there is not here. */
  Solver solver() {
    Solver named = SOLVERS.get(config.className());
    return named == null || isWithRungeKutta(named) || isOtherSolver(named) ? Solver.DDIM : named;
  }

  /** PNDM begins with steps of Runge and Kutta unless its file says that they are left out. */
  private boolean isWithRungeKutta(Solver named) {
    return named == Solver.PNDM && !json().path("skip_prk_steps").asBoolean(false);
  }

  /** DPM-Solver has orders and kinds beside the one that is here. */
  private boolean isOtherSolver(Solver named) {
    return named == Solver.DPM_SOLVER
        && (json().path("solver_order").asInt(2) != 2
            || !json().path("algorithm_type").asText("dpmsolver++").equals("dpmsolver++")
            || !json().path("solver_type").asText("midpoint").equals("midpoint"));
  }

  /** Lines about what the file asks for and does not get. */
  List<String> notes() {
    Solver named = SOLVERS.get(config.className());
    return named != null && named == solver()
        ? List.of()
        : List.of(
            "the scheduler is "
                + config.className()
                + (named == null ? "" : " of a kind")
                + " that is not here: DDIM is used");
  }

  private ObjectNode json() {
    return config.json();
  }

  /** When a sampler evaluates the network by what the file says. */
  TimeGrid grid(Solver solver) {
    return grid(solver, null, null);
  }

  /**
   * When a sampler evaluates the network.
   *
   * @param wanted null for what the file says
   * @param wantedEnd where the last step leads; null for what the file says
   * @throws IllegalArgumentException in one line, when no step leads there
   */
  TimeGrid grid(Solver solver, Spacing wanted, End wantedEnd) {
    Spacing spacing = wanted == null ? spacing(solver) : wanted;
    if (config.zeroTerminal() && spacing == Spacing.LEADING) {
      throw new IllegalArgumentException(
          "this model's last level is pure noise, and leading spacing leaves it out: use trailing");
    }
    // Where the last time is the first level's, no step leads there.
    boolean endsAtFirst =
        spacing == Spacing.KARRAS || spacing == Spacing.LINSPACE && solver != Solver.DPM_SOLVER;
    if (endsAtFirst && wantedEnd == End.FIRST_LEVEL) {
      throw new IllegalArgumentException(
          "the last time of "
              + spacing.name().toLowerCase(Locale.ROOT)
              + " spacing is the first level, and no step leads there: use trailing or leading");
    }
    End usual = endsAtFirst ? End.CLEAN : end(solver);
    return new TimeGrid(
        spacing,
        spacing == Spacing.LEADING ? config.stepsOffset() : 0,
        wantedEnd == null ? usual : wantedEnd);
  }

  private Spacing spacing(Solver solver) {
    if (solver == Solver.CONSISTENCY) {
      return Spacing.CONSISTENCY;
    }
    if (json().path(KARRAS).asBoolean(false)
        && (solver == Solver.EULER || solver == Solver.DPM_SOLVER)) {
      return Spacing.KARRAS;
    }
    if (config.zeroTerminal() && !json().has(SPACING)) {
      return Spacing.TRAILING;
    }
    if (json().has(SPACING)) {
      return Spacing.valueOf(config.spacing().toUpperCase(Locale.ROOT));
    }
    return switch (solver) {
      case EULER, EULER_ANCESTRAL, DPM_SOLVER -> Spacing.LINSPACE;
      default -> Spacing.LEADING;
    };
  }

  private End end(Solver solver) {
    boolean isClean =
        switch (solver) {
          case DDIM, HEUN -> json().path(CLEAN).asBoolean(true);
          case PNDM -> json().path(CLEAN).asBoolean(false);
          case EULER, DPM_SOLVER -> !json().path(FINAL).asText("zero").equals("sigma_min");
          case ANCESTRAL, EULER_ANCESTRAL, STOCHASTIC, CONSISTENCY -> true;
        };
    return isClean ? End.CLEAN : End.FIRST_LEVEL;
  }
}
