package org.halfstep.device;

/**
 * A launch with the name of its step, for finding the one that fails: a GPU reports a fault when
 * somebody waits, which may be many launches later. With {@code HALFSTEP_SYNC=1} in the environment
 * plans name their launches, and a GPU is waited for after each of them in the first run.
 *
 * @param step which step of a plan it is
 */
public record TracedLaunch(String step, Launch launch) implements Launch {
  private static final boolean ON = "1".equals(System.getenv("HALFSTEP_SYNC"));

  /** Whether launches are to be named and waited for. */
  public static boolean isOn() {
    return ON;
  }

  @Override
  public void run() {
    launch.run();
  }

  /** Which step a launch is, as far as that is known. */
  public static String nameOf(Launch launch) {
    return launch instanceof TracedLaunch(String step, Launch _) ? step : "a step without a name";
  }
}
