package org.halfstep.train;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import org.halfstep.files.Printable;

/**
 * A setting in which a run that goes on differs from how it began. Some may: checkpoints may be
 * more frequent or rarer, and a phase may become longer. Anything else makes it another run.
 *
 * @param path names joined by points
 * @param known what the run began with; null where it was not set
 * @param wanted what it is to go on with; null where it is not set
 */
public record SettingsChange(String path, JsonNode known, JsonNode wanted) {
  private static final Set<String> FREE = Set.of("checkpointEvery");
  private static final Set<String> LENGTHS = Set.of("updates", "updatesForFewSteps");

  /**
   * All differences between two trees of settings, by path. A setting that is not there is one that
   * is null: older versions did not have it.
   */
  public static List<SettingsChange> between(JsonNode known, JsonNode wanted) {
    List<SettingsChange> changes = new ArrayList<>();
    compare("", known, wanted, changes);
    return changes;
  }

  private static void compare(
      String path, JsonNode known, JsonNode wanted, List<SettingsChange> changes) {
    if (known instanceof ObjectNode && wanted instanceof ObjectNode) {
      Set<String> names = new TreeSet<>();
      known.fieldNames().forEachRemaining(names::add);
      wanted.fieldNames().forEachRemaining(names::add);
      for (String name : names) {
        String inner = path.isEmpty() ? name : path + "." + name;
        compare(inner, known.get(name), wanted.get(name), changes);
      }
    } else if (!same(known, wanted)) {
      changes.add(new SettingsChange(path, known, wanted));
    }
  }

  // 4 and 4.0 are the same setting.
  private static boolean same(JsonNode a, JsonNode b) {
    if (isUnset(a) || isUnset(b)) {
      return isUnset(a) && isUnset(b);
    }
    if (a.isNumber() && b.isNumber()) {
      return a.isIntegralNumber() && b.isIntegralNumber()
          ? a.equals(b) || a.bigIntegerValue().equals(b.bigIntegerValue())
          : Double.compare(a.doubleValue(), b.doubleValue()) == 0;
    }
    if (a.isArray() && b.isArray() && a.size() == b.size()) {
      for (int i = 0; i < a.size(); i++) {
        if (!same(a.get(i), b.get(i))) {
          return false;
        }
      }
      return true;
    }
    return Objects.equals(a, b);
  }

  private static boolean isUnset(JsonNode node) {
    return node == null || node.isNull();
  }

  /** Whether a run may go on with it. */
  public boolean isAllowed() {
    String name = path.substring(path.lastIndexOf('.') + 1);
    if (isUnset(known) || isUnset(wanted)) {
      return false;
    }
    return FREE.contains(name)
        || LENGTHS.contains(name) && isLength(wanted) && wanted.longValue() > known.longValue();
  }

  private boolean isLength(JsonNode length) {
    return known.canConvertToLong() && length.canConvertToLong();
  }

  /** As {@code run.batch 64, not 32}: what the run has, and what was asked for. */
  public String kept() {
    return path + " " + text(known) + ", not " + text(wanted);
  }

  /** As {@code run.updates 200 (it began with 100)}: what the run goes on with. */
  public String changed() {
    return path + " " + text(wanted) + " (it began with " + text(known) + ")";
  }

  private static String text(JsonNode value) {
    return value == null ? "not set" : Printable.line(value.toString());
  }
}
