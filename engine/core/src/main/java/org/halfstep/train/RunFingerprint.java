package org.halfstep.train;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Optional;
import org.halfstep.files.Json;

/**
 * What a checkpoint says of the run that wrote it, in one line: the settings as JSON, and what they
 * were trained on.
 */
final class RunFingerprint {
  private static final String ON = " on ";
  private static final String END = "}" + ON;

  private RunFingerprint() {}

  /**
   * @param data what {@link Examples#identity} says
   */
  static String of(Object settings, String data) {
    return Json.text(settings) + ON + data;
  }

  /**
   * How a run's settings differ from those that it began with.
   *
   * @return empty when it is another run: of other data, or with a change that is not allowed
   */
  static Optional<List<SettingsChange>> changes(String saved, String wanted) {
    if (saved.equals(wanted) || saved.equals(withoutDigest(wanted))) {
      return Optional.of(List.of());
    }
    int savedEnd = saved.indexOf(END);
    int wantedEnd = wanted.indexOf(END);
    if (savedEnd < 0 || wantedEnd < 0) {
      return Optional.empty();
    }
    String data = saved.substring(savedEnd);
    String wantedData = wanted.substring(wantedEnd);
    if (!data.equals(wantedData) && !data.equals(withoutDigest(wantedData))) {
      return Optional.empty();
    }
    try {
      List<SettingsChange> changes =
          SettingsChange.between(settings(saved, savedEnd), settings(wanted, wantedEnd));
      return changes.stream().allMatch(SettingsChange::isAllowed)
          ? Optional.of(changes)
          : Optional.empty();
    } catch (IllegalArgumentException noSettings) {
      return Optional.empty();
    }
  }

  private static ObjectNode settings(String fingerprint, int end) {
    return Json.parse(ObjectNode.class, "settings", fingerprint.substring(0, end + 1));
  }

  private static String withoutDigest(String fingerprint) {
    return fingerprint.replaceFirst(PhaseRun.DIGEST + "[0-9a-f]{64}", "");
  }
}
