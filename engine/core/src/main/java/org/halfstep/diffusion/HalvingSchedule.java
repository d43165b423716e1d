package org.halfstep.diffusion;

/**
 * The rounds of progressive distillation: a teacher of N0 steps, then students of N0/2, N0/4, ...
 * steps, each of which becomes the teacher of the next.
 *
 * <p>Where a run stands is a {@link Position}, which a checkpoint stores. It is never computed from
 * a count of updates: if the updates per stage are changed between two runs, a resumed run is still
 * in the stage whose weights it has.
 *
 * @param teacherSteps N0, a power of two, above lastSteps
 * @param lastSteps steps of the last student, a power of two; 1 for the whole chain
 * @param updatesPerStage updates of a stage, at least 1
 * @param updatesForFewSteps updates of a stage whose student has at most {@code fewSteps} steps;
 *     Salimans and Ho double them
 * @param fewSteps see updatesForFewSteps; 2 in Salimans and Ho, 0 if no stage is special
 * @param learningRate rate at the start of each stage; falls linearly to zero in each
 */
public record HalvingSchedule(
    int teacherSteps,
    int lastSteps,
    long updatesPerStage,
    long updatesForFewSteps,
    int fewSteps,
    double learningRate) {

  /**
   * One round.
   *
   * @param index 0 for the first
   * @param teacherSteps steps of its teacher
   * @param studentSteps half of that
   * @param updates optimizer updates
   */
  public record Stage(int index, int teacherSteps, int studentSteps, long updates) {}

  /**
   * Where a run stands, as stored in a checkpoint.
   *
   * @param stage index of the stage; the number of stages once all are done
   * @param update updates done within it
   */
  public record Position(int stage, long update) {
    /** Before the first update. */
    public static final Position START = new Position(0, 0);

    public Position {
      if (stage < 0 || update < 0) {
        throw new IllegalArgumentException(
            "a position needs a stage and an update of at least 0, got "
                + stage
                + " and "
                + update);
      }
    }
  }

  public HalvingSchedule {
    if (!isPowerOfTwo(teacherSteps) || !isPowerOfTwo(lastSteps) || lastSteps >= teacherSteps) {
      throw new IllegalArgumentException(
          "halving needs powers of two with the last below the first, got "
              + teacherSteps
              + " to "
              + lastSteps);
    }
    if (updatesPerStage < 1 || updatesForFewSteps < 1 || fewSteps < 0) {
      throw new IllegalArgumentException(
          "each stage needs at least one update, got "
              + updatesPerStage
              + ", and "
              + updatesForFewSteps
              + " for at most "
              + fewSteps
              + " steps");
    }
    if (!(learningRate > 0) || Double.isInfinite(learningRate)) {
      throw new IllegalArgumentException(
          "a learning rate must be finite and above 0, got " + learningRate);
    }
  }

  /** The whole chain down to one step, with twice the updates for two and one steps. */
  public static HalvingSchedule of(int teacherSteps, long updatesPerStage, double learningRate) {
    return new HalvingSchedule(
        teacherSteps, 1, updatesPerStage, 2 * updatesPerStage, 2, learningRate);
  }

  /** Number of students. */
  public int stages() {
    return Integer.numberOfTrailingZeros(teacherSteps) - Integer.numberOfTrailingZeros(lastSteps);
  }

  /**
   * The stage at an index.
   *
   * @throws IndexOutOfBoundsException if there is none
   */
  public Stage stage(int index) {
    if (index < 0 || index >= stages()) {
      throw new IndexOutOfBoundsException("stage " + index + " is outside 0 .. " + (stages() - 1));
    }
    int students = teacherSteps >> (index + 1);
    long updates = students <= fewSteps ? updatesForFewSteps : updatesPerStage;
    return new Stage(index, teacherSteps >> index, students, updates);
  }

  /** The learning rate of one stage, by the update within it. */
  public LearningRate learningRate(int stage) {
    return new LearningRate.LinearToZero(learningRate, stage(stage).updates());
  }

  /** Whether every student is finished. */
  public boolean finished(Position position) {
    return position.stage() >= stages();
  }

  /**
   * Whether the stage's updates are done: its student is to be kept and becomes the next teacher.
   */
  public boolean stageFinished(Position position) {
    return !finished(position) && position.update() >= stage(position.stage()).updates();
  }

  /** The position after one more update within the same stage. */
  public Position afterUpdate(Position position) {
    return new Position(position.stage(), position.update() + 1);
  }

  /**
   * The start of the next stage: after the student was kept, made the teacher, and given a fresh
   * optimizer.
   *
   * @throws IllegalStateException if the stage is not finished
   */
  public Position nextStage(Position position) {
    if (!stageFinished(position)) {
      throw new IllegalStateException(
          "stage " + position.stage() + " is not finished at update " + position.update());
    }
    return new Position(position.stage() + 1, 0);
  }

  /** Updates of all stages together. */
  public long totalUpdates() {
    long total = 0;
    for (int i = 0; i < stages(); i++) {
      total += stage(i).updates();
    }
    return total;
  }

  private static boolean isPowerOfTwo(int n) {
    return n > 0 && (n & (n - 1)) == 0;
  }
}
