package org.halfstep.cli;

import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import org.halfstep.cli.console.InputException;
import org.halfstep.cli.option.Settings;
import org.halfstep.files.AtomicFile;
import org.halfstep.train.SettingsChange;

/** A run's folder: its results, and all of its settings, in config.json. */
final class RunFolder {
  /** What may differ between a run and its continuation: it says where, not what. */
  private static final Set<String> PLACES =
      Set.of("halfstep", "data.folder", "from.file", "autoencoder.folder", "text.folder");

  private RunFolder() {}

  /**
   * Makes a folder that of a run with this configuration.
   *
   * @throws InputException when it is another run's, with the first difference
   */
  static void claim(Path folder, ObjectNode config) throws IOException {
    Path file = folder.resolve(Settings.RUN_FILE);
    if (Files.exists(file)) {
      for (SettingsChange change : SettingsChange.between(Settings.read(file), config)) {
        if (!PLACES.contains(change.path()) && !change.isAllowed()) {
          throw new InputException(
              folder
                  + ": holds a run with "
                  + change.kept()
                  + "; continue it with its own settings (--config "
                  + file
                  + "), or choose another --out. It may become longer, and save more often");
        }
      }
    }
    Files.createDirectories(folder);
    ObjectWriter pretty = Settings.JSON.writerWithDefaultPrettyPrinter();
    byte[] text = pretty.writeValueAsBytes(config);
    AtomicFile.write(file, text);
  }
}
