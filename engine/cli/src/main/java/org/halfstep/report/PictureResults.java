package org.halfstep.report;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import org.halfstep.files.Json;

/**
 * Everything that a report of pictures has measured so far, in one JSON file that is written anew
 * after each measurement: an interrupted report goes on where it stopped, and its page can be drawn
 * again.
 */
final class PictureResults {
  /** What the file holds. */
  @JsonIgnoreProperties(ignoreUnknown = true)
  private record Contents(
      List<PictureMeasurement> pictures,
      List<EditMeasurement> edits,
      List<NearestMeasurement> nearest) {
    Contents {
      pictures = Results.copy("pictures", pictures);
      edits = Results.copy("edits", edits);
      nearest = Results.copy("nearest", nearest);
    }
  }

  private final Path file;
  private final List<PictureMeasurement> pictures = new ArrayList<>();
  private final List<EditMeasurement> edits = new ArrayList<>();
  private final List<NearestMeasurement> nearest = new ArrayList<>();

  /**
   * Opens the file, or begins an empty one.
   *
   * @throws IOException in one line, when it is there but none of ours
   */
  PictureResults(Path file) throws IOException {
    this.file = file;
    if (Files.exists(file)) {
      Contents contents = Results.read(Contents.class, file);
      pictures.addAll(contents.pictures);
      edits.addAll(contents.edits);
      nearest.addAll(contents.nearest);
    }
  }

  List<PictureMeasurement> pictures() {
    return Collections.unmodifiableList(pictures);
  }

  List<EditMeasurement> edits() {
    return Collections.unmodifiableList(edits);
  }

  List<NearestMeasurement> nearest() {
    return Collections.unmodifiableList(nearest);
  }

  /** The measurement of a setting, whenever it was made. */
  Optional<PictureMeasurement> find(PicturePlan.Item item, long samples, PictureScale scale) {
    return pictures.stream()
        .filter(
            known ->
                known.weights().equals(item.model().weights())
                    && known.sampler().equals(PictureMeasurement.sampler(item.sampler()))
                    && known.steps() == item.steps()
                    && known.guidance() == item.guidance()
                    && known.seed() == item.seed()
                    && known.samples() == samples
                    && known.scale().equals(scale))
        .findFirst();
  }

  /** Adds measurements and writes the file. */
  void add(List<PictureMeasurement> made) throws IOException {
    pictures.addAll(made);
    write();
  }

  /** Adds a measurement and writes the file. */
  void add(EditMeasurement made) throws IOException {
    edits.add(made);
    write();
  }

  /** Adds a measurement and writes the file. */
  void add(NearestMeasurement made) throws IOException {
    nearest.add(made);
    write();
  }

  private void write() throws IOException {
    Json.write(file, new Contents(pictures, edits, nearest));
  }
}
