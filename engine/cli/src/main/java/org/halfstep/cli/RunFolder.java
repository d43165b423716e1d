package org.halfstep.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import org.halfstep.cli.console.InputException;
import org.halfstep.cli.option.Settings;
import org.halfstep.files.AtomicFile;
import org.halfstep.files.Printable;

/** A run's folder: its results, and all of its settings, in config.json. */
final class RunFolder {
  /** What may differ between a run and its continuation: it says where, not what. */
  private static final Set<String> PLACES =
      Set.of("halfstep", "data.folder", "from.file", "autoencoder.folder");

  private RunFolder() {}

  /**
   * Makes a folder that of a run with this configuration.
   *
   * @throws InputException when it is another run's, with the first difference
   */
  static void claim(Path folder, ObjectNode config) throws IOException {
    Path file = folder.resolve(Settings.RUN_FILE);
    if (Files.exists(file)) {
      String difference = difference("", Settings.read(file), config);
      if (difference != null) {
        throw new InputException(
            folder
                + ": holds a run with "
                + difference
                + "; continue it with its own settings (--config "
                + file
                + "), or choose another --out");
      }
    }
    Files.createDirectories(folder);
    ObjectWriter pretty = Settings.JSON.writerWithDefaultPrettyPrinter();
    byte[] text = pretty.writeValueAsBytes(config);
    AtomicFile.write(file, text);
  }

  /**
   * The first setting that differs, as {@code teacher.run.batch 64, not 32}; null when none does.
   */
  private static String difference(String path, JsonNode known, JsonNode wanted) {
    if (PLACES.contains(path)) {
      return null;
    }
    if (known instanceof ObjectNode && wanted instanceof ObjectNode) {
      Set<String> names = new TreeSet<>();
      known.fieldNames().forEachRemaining(names::add);
      wanted.fieldNames().forEachRemaining(names::add);
      for (Iterator<String> i = names.iterator(); i.hasNext(); ) {
        String name = i.next();
        String inner = path.isEmpty() ? name : path + "." + name;
        String found = difference(inner, known.get(name), wanted.get(name));
        if (found != null) {
          return found;
        }
      }
      return null;
    }
    return same(known, wanted) ? null : path + " " + text(known) + ", not " + text(wanted);
  }

  // 4 and 4.0 are the same setting.
  private static boolean same(JsonNode a, JsonNode b) {
    if (a != null && b != null && a.isNumber() && b.isNumber()) {
      return a.isIntegralNumber() && b.isIntegralNumber()
          ? a.equals(b) || a.bigIntegerValue().equals(b.bigIntegerValue())
          : Double.compare(a.doubleValue(), b.doubleValue()) == 0;
    }
    if (a != null && b != null && a.isArray() && b.isArray() && a.size() == b.size()) {
      for (int i = 0; i < a.size(); i++) {
        if (!same(a.get(i), b.get(i))) {
          return false;
        }
      }
      return true;
    }
    return Objects.equals(a, b);
  }

  private static String text(JsonNode value) {
    return value == null ? "not set" : Printable.line(value.toString());
  }
}
