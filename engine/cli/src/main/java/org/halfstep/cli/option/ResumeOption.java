package org.halfstep.cli.option;

import org.halfstep.train.Resume;
import picocli.CommandLine.Option;

/** The choice of the checkpoint that a run continues from. */
public final class ResumeOption {
  @Option(
      names = "--from-previous",
      description =
          "Continue from the checkpoint before the newest when the newest is damaged; that one is set"
              + " aside, not deleted.")
  private boolean fromPrevious;

  public Resume resume() {
    return fromPrevious ? Resume.PREVIOUS_IF_DAMAGED : Resume.NEWEST;
  }
}
