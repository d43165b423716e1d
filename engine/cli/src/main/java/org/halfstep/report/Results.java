package org.halfstep.report;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import org.halfstep.files.AtomicFile;

/**
 * Everything that a report has measured so far, in one JSON file that is written anew after each
 * measurement: an interrupted report goes on where it stopped, and its page can be drawn again.
 */
final class Results {
  private static final JsonMapper JSON =
      JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

  /** What the file holds. */
  @JsonIgnoreProperties(ignoreUnknown = true)
  private record Contents(List<Measurement> measurements, List<Timing> timings) {}

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
    try {
      Contents contents = JSON.readValue(Files.readAllBytes(file), Contents.class);
      if (contents == null || contents.measurements == null || contents.timings == null) {
        throw new IOException(file + ": has no \"measurements\" and \"timings\"; remove it");
      }
      measurements.addAll(contents.measurements);
      timings.addAll(contents.timings);
    } catch (JsonProcessingException e) {
      throw new IOException(
          file + ": is damaged (" + e.getOriginalMessage() + "); remove it to start again", e);
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
    byte[] text = JSON.writeValueAsBytes(new Contents(measurements, timings));
    AtomicFile.write(file, text);
  }
}
