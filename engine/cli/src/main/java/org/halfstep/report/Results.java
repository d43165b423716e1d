package org.halfstep.report;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.halfstep.files.DataException;
import org.halfstep.files.Json;

/**
 * Everything that a report has measured so far, in one JSON file that is written anew after each
 * measurement: an interrupted report goes on where it stopped, and its page can be drawn again.
 */
final class Results {
  /** What the file holds. */
  @JsonIgnoreProperties(ignoreUnknown = true)
  private record Contents(List<Measurement> measurements, List<Timing> timings) {
    Contents {
      measurements = copy("measurements", measurements);
      timings = copy("timings", timings);
    }
  }

  private final Path file;
  private final List<Measurement> measurements = new ArrayList<>();
  private final List<Timing> timings = new ArrayList<>();

  /**
   * Opens the file, or begins an empty one.
   *
   * @throws IOException in one line, when it is there but none of ours
   */
  Results(Path file) throws IOException {
    this.file = file;
    if (!Files.exists(file)) {
      return;
    }
    Contents contents = read(Contents.class, file);
    measurements.addAll(contents.measurements);
    timings.addAll(contents.timings);
  }

  /**
   * Reads a file of results.
   *
   * @throws IOException in one line, when it is none of ours
   */
  static <T> T read(Class<T> type, Path file) throws IOException {
    try {
      return Json.read(type, file);
    } catch (DataException damaged) {
      String problem = damaged.getMessage().substring(file.toString().length() + 2);
      throw new DataException(
          file, "is damaged (" + problem + "); remove it to start again", damaged);
    }
  }

  /** A list of results as a file has it, whole. */
  static <T> List<T> copy(String name, List<T> list) {
    if (list == null || list.stream().anyMatch(Objects::isNull)) {
      throw new IllegalArgumentException("has no list of " + name);
    }
    return List.copyOf(list);
  }

  /** Fails when a value lacks something that is looked at. */
  static void require(String what, Object... parts) {
    if (Arrays.stream(parts).anyMatch(Objects::isNull)) {
      throw new IllegalArgumentException("a " + what + " that is not whole");
    }
  }

  List<Measurement> measurements() {
    return Collections.unmodifiableList(measurements);
  }

  List<Timing> timings() {
    return Collections.unmodifiableList(timings);
  }

  /** The measurement of a setting, whenever it was made. */
  Optional<Measurement> find(ReportPlan.Item item, long samples, ReportPlan.Scale scale) {
    return measurements.stream()
        .filter(
            known ->
                known.weights().equals(item.model().weights())
                    && known.kind() == item.model().kind()
                    && known.sampler() == item.sampler()
                    && known.steps() == item.steps()
                    && known.guidance() == item.guidance()
                    && known.seed() == item.seed()
                    && known.quality().samples() == samples
                    && known.reference().equals(scale.reference())
                    && known.extractorSha256().equals(scale.extractorSha256()))
        .findFirst();
  }

  /** Adds measurements and writes the file. */
  void add(List<Measurement> made) throws IOException {
    measurements.addAll(made);
    write();
  }

  /** Puts timings in the place of all earlier ones and writes the file. */
  void replaceTimings(List<Timing> made) throws IOException {
    timings.clear();
    timings.addAll(made);
    write();
  }

  private void write() throws IOException {
    Json.write(file, new Contents(measurements, timings));
  }
}
