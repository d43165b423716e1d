package org.halfstep.device.cuda.cudnn;

import java.nio.file.Path;
import java.util.Optional;
import org.halfstep.bindings.CudaLibrary;
import org.halfstep.bindings.Cudnn;
import org.halfstep.device.AttentionRun;
import org.halfstep.device.AttentionShape;
import org.halfstep.device.DataType;

/**
 * Plans attention in a process of its own, twice, and prints a line per plan: pass, tokens,
 * channels, workspace and where it came from. Ends with 3 where cuDNN is too old.
 */
final class AttentionPlansChild {
  static final int TOO_OLD = 3;

  /**
   * Tokens that fill tiles and that do not; one head and several; both orders of channels; keys of
   * other tokens.
   */
  static final AttentionShape[] SHAPES = {
    AttentionRun.self(4, 256, 4, 64, false, DataType.BF16),
    AttentionRun.self(1, 196, 2, 40, true, DataType.BF16),
    AttentionRun.self(3, 65, 1, 128, false, DataType.BF16),
    AttentionRun.cross(2, 256, 77, 2, 40, DataType.BF16)
  };

  private static final long WORKSPACE = 16L << 20;

  private AttentionPlansChild() {}

  /**
   * Plans.
   *
   * @param arguments a folder for the cache
   */
  public static void main(String[] arguments) {
    CudaLibrary.CUBLASLT.load();
    CudaLibrary.CUDNN.load();
    for (AttentionShape shape : SHAPES) {
      if (!CudnnAttention.suits(shape, Cudnn.cudnnGetVersion())) {
        System.exit(TOO_OLD);
      }
    }
    CudnnPlanCache cache = new CudnnPlanCache(Path.of(arguments[0]), "H200");
    for (int round = 0; round < 2; round++) {
      try (CudnnPlanner planner = PlannedGpu.planner(false, cache, 2)) {
        for (AttentionShape shape : SHAPES) {
          for (CudnnAttentionGraph.Kind kind : CudnnAttentionGraph.Kind.values()) {
            Optional<CudnnPlan> plan =
                planner.find(new PlanRequest(new CudnnAttentionGraph(kind, shape), WORKSPACE));
            System.out.println(
                String.join(
                    " ",
                    kind.name(),
                    Integer.toString(shape.queries()),
                    Integer.toString(shape.headWidth()),
                    plan.map(found -> found.workspaceBytes() + " " + found.engine())
                        .orElse("refused")));
          }
        }
      }
    }
  }
}
