package org.halfstep.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;
import org.halfstep.sample.TinyModels;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What {@code halfstep report} refuses: one line each, exit code 2. */
class ReportCommandTest {
  @TempDir Path folder;

  private String refused(Object... arguments) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    String[] text =
        Stream.concat(Stream.of("report", "--out", folder.resolve("out")), Arrays.stream(arguments))
            .map(Object::toString)
            .toArray(String[]::new);
    int code = Halfstep.run(new PrintWriter(out), new PrintWriter(err), text);
    assertEquals(2, code, err.toString());
    assertEquals(1, err.toString().lines().count(), err.toString());
    return err.toString().strip();
  }

  @Test
  void numbersThatCannotBe() {
    assertEquals(
        "halfstep: image metrics need at least 20 samples, got 5",
        refused("--samples", 50, "--teacher-samples", 5));
    assertEquals(
        "halfstep: a teacher cannot have more samples than the students",
        refused("--samples", 50, "--teacher-samples", 60));
    assertEquals(
        "halfstep: a sweep takes at most the teacher's 8 steps, got 16",
        refused("--teacher-steps", 8));
    assertTrue(refused("-w", "-1").contains("guidance w must be at least 0"));
    assertTrue(
        refused("--paper", "--evaluations", "8,0").contains("--evaluations must be from 1 to"));
    assertTrue(refused("--rounds", -1).contains("--rounds must be from 0 to 1,000"));
  }

  @Test
  void modelsAndImagesThatAreNotThere() throws Exception {
    assertTrue(refused("--models", "nothing").contains("there is no bundled model \"nothing\""));
    Path model = TinyModels.student(folder.resolve("one.safetensors"), 1);
    assertTrue(
        refused("--rounds", 0, "--models", model, "--data", folder.resolve("none"))
            .contains("expected a folder with a dataset, found nothing"));
  }

  @Test
  void modelsOfOneName() throws Exception {
    Path model = TinyModels.student(folder.resolve("one.safetensors"), 1);
    Path other =
        Files.copy(model, Files.createDirectory(folder.resolve("b")).resolve("one.safetensors"));
    // A second one is called by its folder as well; a third one of that name is not.
    assertEquals(
        "halfstep: "
            + other
            + ": another model is called \"b/one\" as well; a report needs different file names: rename one",
        refused("--models", model + "," + other + "," + other));
  }

  @Test
  void encodersMakeNoImages() throws Exception {
    Path encoder = TinyModels.encoder(folder.resolve("encoder.safetensors"), 4);
    assertTrue(refused("--models", encoder).contains("is an encoder, which makes no images"));
  }

  @Test
  void redrawingNothing() throws Exception {
    assertTrue(
        refused("--redraw").endsWith("nothing was measured yet; run the report without --redraw"));
    assertTrue(Files.exists(folder.resolve("out")));
  }
}
