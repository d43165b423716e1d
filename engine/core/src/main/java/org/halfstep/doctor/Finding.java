package org.halfstep.doctor;

/**
 * The answer to one question about a model.
 *
 * @param question what was asked, in a few words
 * @param verdict what the answer means
 * @param measured the answer
 * @param expected what a good model's is
 */
public record Finding(String question, Verdict verdict, String measured, String expected) {
  /** What an answer means. */
  public enum Verdict {
    /** As in a good model. */
    PASSED,
    /**
     * Outside of what is usual. The usual ranges are estimates; a model for something special may
     * lie outside and be good.
     */
    UNUSUAL,
    /** No good model answers this. */
    FAILED,
    /** It could not be asked. */
    SKIPPED
  }

  static Finding passed(String question, String measured, String expected) {
    return new Finding(question, Verdict.PASSED, measured, expected);
  }

  static Finding failed(String question, String measured, String expected) {
    return new Finding(question, Verdict.FAILED, measured, expected);
  }

  static Finding skipped(String question, String why) {
    return new Finding(question, Verdict.SKIPPED, why, "");
  }

  /** Passed or failed, where there is no doubt what a good model answers. */
  static Finding certain(String question, boolean holds, String measured, String expected) {
    return new Finding(question, holds ? Verdict.PASSED : Verdict.FAILED, measured, expected);
  }

  /** Passed or unusual, where the range is an estimate. */
  static Finding estimated(String question, boolean holds, String measured, String expected) {
    return new Finding(question, holds ? Verdict.PASSED : Verdict.UNUSUAL, measured, expected);
  }
}
