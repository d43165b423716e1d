package org.halfstep.report;

import java.time.Instant;
import java.time.temporal.ChronoUnit;

/**
 * What numbers were made on and with.
 *
 * @param machine the hardware
 * @param device what computes, threads included
 * @param version of this engine
 * @param command that was typed
 */
public record Origin(String machine, String device, String version, String command) {
  /** This moment as results keep it. */
  static String now() {
    return Instant.now().truncatedTo(ChronoUnit.SECONDS).toString();
  }
}
