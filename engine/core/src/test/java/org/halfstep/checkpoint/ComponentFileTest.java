package org.halfstep.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.halfstep.files.DataException;
import org.halfstep.safetensors.NamedTensor;
import org.halfstep.safetensors.SafetensorsWriter;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** One network a file, and several files one model. */
class ComponentFileTest {
  private static final List<String> TEXTS = List.of("", "a red fox", "an unknown Wörd 7");

  @TempDir private Path folder;

  private Path write(Checkpoint from, Part part, String name) throws IOException {
    Path file = folder.resolve(name + ".safetensors");
    ComponentFile.write(from, part, file, null);
    return file;
  }

  @Test
  void filesTogetherAreTheModelThatTheyWere() throws IOException {
    TinyPipeline.write(folder.resolve("tiny"));
    try (Checkpoint tiny =
        Checkpoint.open(folder.resolve("tiny/diffusers"), CheckpointOptions.standard())) {
      List<Path> files =
          List.of(
              write(tiny, Part.UNET, "unet"),
              write(tiny, Part.AUTOENCODER, "autoencoder"),
              write(tiny, Part.TEXT_ENCODER, "text"));
      try (Checkpoint again = ComponentFile.open(Path.of("again"), files)) {
        for (Path file : files) {
          Files.delete(file);
        }
        for (Part part : Part.values()) {
          Component expected = tiny.component(part).orElseThrow();
          Component found = again.component(part).orElseThrow();
          assertEquals(expected.network(), found.network());
          assertEquals(expected.config(), found.config());
          assertEquals(expected.sha256(), found.sha256());
        }
        assertEquals(tiny.scheduler().orElseThrow().json(), again.scheduler().orElseThrow().json());
        for (String text : TEXTS) {
          assertArrayEquals(
              tiny.openTokenizer().orElseThrow().sequence(text, 9).ids(),
              again.openTokenizer().orElseThrow().sequence(text, 9).ids());
        }
      }
    }
  }

  @Test
  void whatIsDamagedIsRefusedInALine() throws IOException {
    TinyPipeline.write(folder.resolve("tiny"));
    try (Checkpoint tiny =
        Checkpoint.open(folder.resolve("tiny/diffusers"), CheckpointOptions.standard())) {
      Path text = write(tiny, Part.TEXT_ENCODER, "text");
      assertTrue(refusal(text, text).contains("is a second text encoder of one model"));
      byte[] bytes = Files.readAllBytes(text);
      assertTrue(
          refusal(changed(bytes, "halfstep-component-1", "halfstep-component-2"))
              .contains("expected \"format\": \"halfstep-component-1\""));
      assertTrue(
          refusal(changed(bytes, "clip_text_model", "clip_text_mudel"))
              .contains("describes no network"));
      assertTrue(
          refusal(changed(bytes, "[\\\"a n", "[\\\"a-n")).contains("tokenizer: merge 1 joins"));
      Path other = folder.resolve("other.safetensors");
      SafetensorsWriter.write(
          other, List.of(NamedTensor.f32("a", new long[] {1}, 2f)), Map.of("format", "pt"));
      assertTrue(refusal(other).contains("is not one network of a latent model"));
    }
  }

  /** The same file with another text of the same length in its header. */
  private Path changed(byte[] file, String from, String to) throws IOException {
    byte[] old = from.getBytes(StandardCharsets.UTF_8);
    byte[] changed = file.clone();
    for (int at = 0; at + old.length <= changed.length; at++) {
      if (Arrays.equals(changed, at, at + old.length, old, 0, old.length)) {
        System.arraycopy(to.getBytes(StandardCharsets.UTF_8), 0, changed, at, old.length);
        return Files.write(folder.resolve("changed.safetensors"), changed);
      }
    }
    throw new AssertionError(from + " is not in the file");
  }

  private static String refusal(Path... files) {
    String line =
        assertThrows(
                DataException.class,
                () -> ComponentFile.open(Path.of("model"), List.of(files)).close())
            .getMessage();
    assertEquals(1, line.lines().count(), line);
    return line;
  }
}
