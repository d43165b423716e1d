package org.halfstep.distill;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.halfstep.checkpoint.TinyPipeline;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.diffusion.Chain;
import org.halfstep.diffusion.LossWeighting;
import org.halfstep.diffusion.Parameterization;
import org.halfstep.distill.SmallRuns.Events;
import org.halfstep.files.Json;
import org.halfstep.image.ImageBatch;
import org.halfstep.model.ModelCard;
import org.halfstep.model.ModelCard.Role;
import org.halfstep.sample.Cancellation;
import org.halfstep.sample.Condition;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.Edit;
import org.halfstep.sample.ModelOptions;
import org.halfstep.sample.SampleRequest;
import org.halfstep.sample.StyleTransfer;
import org.halfstep.train.OptimizerSettings;
import org.halfstep.train.RunSettings;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The tiny latent model through every phase, stopped and crashed in each. */
class LatentDistillationTest {
  @TempDir private static Path folder;
  private Device device;

  @BeforeAll
  static void write() throws IOException {
    TinyPipeline.write(folder.resolve("tiny"));
  }

  @BeforeEach
  void open() {
    device = new CpuDevice();
  }

  @AfterEach
  void close() {
    device.close();
  }

  private static Path teacher() {
    return folder.resolve("tiny/diffusers");
  }

  private TreeMap<String, byte[]> whole(String name, LatentDistillationSettings settings)
      throws IOException {
    Path run = folder.resolve(name);
    assertTrue(
        LatentRuns.distill(device, teacher(), settings, run, Events.collecting(), () -> false));
    return LatentRuns.models(run);
  }

  private static void assertSame(TreeMap<String, byte[]> expected, TreeMap<String, byte[]> found) {
    assertEquals(expected.keySet(), found.keySet());
    expected.forEach((name, bytes) -> assertArrayEquals(bytes, found.get(name), name));
  }

  @Test
  void everyModelOfARunIsAModel() throws IOException {
    LatentDistillationSettings settings = LatentRuns.settings(false, false, true, false);
    Path run = folder.resolve("models");
    Events events = Events.collecting();
    assertTrue(LatentRuns.distill(device, teacher(), settings, run, events, () -> false));
    assertEquals(
        List.of(
            "from eps to v",
            "stage one: guidance",
            "stage two: 4 to 2 steps",
            "stage two: 2 to 1 steps"),
        events.lines().stream()
            .filter(line -> line.startsWith("phase "))
            .map(line -> line.substring(6, line.lastIndexOf(' ')))
            .toList());
    assertTrue(events.notes().stream().anyMatch(note -> note.contains("errors of eps are")));
    for (String name : List.of("velocity", "guided", "student-2", "student-1")) {
      try (DiffusionModel model =
          DiffusionModel.open(run.resolve(name), ModelOptions.standard().withDevice(device))) {
        ModelCard card = model.card();
        assertEquals(Parameterization.V, card.predicts(), name);
        SampleRequest request = model.request("a fox").withSeed(2);
        switch (name) {
          case "velocity" -> assertEquals(Role.TEACHER, card.role());
          case "guided" -> assertEquals(Role.GUIDED, card.role());
          default -> {
            assertEquals(Role.STUDENT, card.role());
            assertEquals(Chain.DETERMINISTIC, card.chain());
            assertEquals(request.steps(), model.evaluations(request));
          }
        }
        if (name.startsWith("student")) {
          assertEquals(
              name.equals("student-1"), card.betas().zeroTerminal(), "noise alone at the end");
          byte[] weak = model.sample(request.withGuidance(2)).pixels();
          byte[] strong = model.sample(request.withGuidance(14)).pixels();
          assertNotEquals(Arrays.hashCode(weak), Arrays.hashCode(strong));
        }
      }
    }
    Events again = Events.collecting();
    assertTrue(LatentRuns.distill(device, teacher(), settings, run, again, () -> false));
    assertEquals(List.of(), again.lines(), "nothing is left to do");
  }

  @Test
  void aRunThatIsStoppedAfterEachUpdateEndsWithTheSameBits() throws IOException {
    LatentDistillationSettings settings = LatentRuns.settings(false, true, false, false);
    TreeMap<String, byte[]> expected = whole("undisturbed", settings);
    Path run = folder.resolve("stopped");
    int lives = 0;
    while (!LatentRuns.distill(device, teacher(), settings, run, Events.collecting(), () -> true)) {
      lives++;
    }
    assertEquals(4, lives, "each phase has two updates, and ends after the second");
    assertSame(expected, LatentRuns.models(run));
  }

  @Test
  void encodersOfLatentsGoOnWithTheSameBitsAndTakePicturesToNoise() throws IOException {
    LatentDistillationSettings settings = LatentRuns.encoders();
    TreeMap<String, byte[]> expected = whole("encoders", settings);
    Path run = folder.resolve("stopped-encoders");
    int lives = 0;
    while (!LatentRuns.distill(device, teacher(), settings, run, Events.collecting(), () -> true)) {
      lives++;
    }
    assertEquals(3, lives, "from eps to v and two halvings of two updates each");
    assertSame(expected, LatentRuns.models(run));
    ModelOptions options = ModelOptions.standard().withDevice(device);
    try (DiffusionModel encoder = DiffusionModel.open(run.resolve("encoder-2"), options);
        DiffusionModel decoder = DiffusionModel.open(run.resolve("velocity"), options)) {
      assertTrue(encoder.card().encodes());
      assertEquals(2, encoder.card().steps());
      String refused =
          assertThrows(
                  IllegalArgumentException.class, () -> encoder.sample(encoder.request("a fox")))
              .getMessage();
      assertTrue(refused.contains("takes pictures to noise"), refused);
      byte[] pixels = new byte[64 * 64 * 3];
      new Random(1).nextBytes(pixels);
      StyleTransfer.Result result =
          StyleTransfer.of(encoder, decoder)
              .withSteps(2)
              .run(
                  new ImageBatch(1, 64, 64, 3, pixels),
                  Condition.prompts("a red fox"),
                  Condition.prompts("a cat"),
                  new Cancellation());
      assertNotEquals(
          Arrays.hashCode(result.back().pixels()), Arrays.hashCode(result.made().pixels()));
      assertTrue(result.latentError() > 0 && Double.isFinite(result.latentError()));
    }
  }

  /** Thrown where a process would have been killed. */
  private static final class Killed extends RuntimeException {
    private static final long serialVersionUID = 1;
  }

  @Test
  void aRunThatCrashesAtEveryEventEndsWithTheSameBits() throws IOException {
    LatentDistillationSettings settings = LatentRuns.settings(true, false, false, false);
    TreeMap<String, byte[]> expected = whole("uncrashed", settings);
    Path run = folder.resolve("crashed");
    int at = 0;
    boolean done = false;
    while (!done) {
      int event = ++at;
      int[] heard = {0};
      Events crashing =
          Events.calling(
              _ -> {
                if (++heard[0] == 1 + event % 4) {
                  throw new Killed();
                }
              });
      try {
        done = LatentRuns.distill(device, teacher(), settings, run, crashing, () -> false);
      } catch (Killed expectedDeath) {
        assertTrue(at < 60, "the run gets no further");
      }
    }
    assertSame(expected, LatentRuns.models(run));
    try (Stream<Path> left = Files.list(run)) {
      assertEquals(List.of(), left.filter(path -> path.toString().contains("partial")).toList());
    }
  }

  @Test
  void anInpaintingModelIsDistilledWithWhatItSeesBeside() throws IOException {
    Path run = folder.resolve("painted");
    assertTrue(
        LatentRuns.distill(
            device,
            folder.resolve("tiny/inpainting"),
            LatentRuns.settings(false, false, false, false),
            run,
            Events.collecting(),
            () -> false));
    try (DiffusionModel model =
        DiffusionModel.open(run.resolve("student-2"), ModelOptions.standard().withDevice(device))) {
      int side = 64;
      byte[] pixels = new byte[side * side * 3];
      new Random(1).nextBytes(pixels);
      byte[] mask = new byte[side * side];
      Arrays.fill(mask, mask.length / 2, mask.length, (byte) 255);
      Edit edit =
          Edit.inpainting(
              new ImageBatch(1, side, side, 3, pixels), new ImageBatch(1, side, side, 1, mask));
      byte[] made = model.sample(model.request("a fox").withEdit(edit)).pixels();
      assertArrayEquals(
          Arrays.copyOf(pixels, pixels.length / 2),
          Arrays.copyOf(made, made.length / 2),
          "what is kept");
      assertNotEquals(Arrays.hashCode(pixels), Arrays.hashCode(made));
    }
  }

  @Test
  void recomputationChangesNoBit() throws IOException {
    TreeMap<String, byte[]> expected =
        whole("kept", LatentRuns.settings(true, false, false, false));
    TreeMap<String, byte[]> found = whole("again", LatentRuns.settings(true, false, false, true));
    assertSame(expected, found);
    assertFalse(expected.isEmpty());
  }

  private boolean converting(
      Path run, double rate, double within, boolean holdsOut, Events events, boolean stops)
      throws IOException {
    LatentDistillationSettings usual = LatentRuns.settings(false, false, false, false);
    VelocitySettings velocity = usual.velocity();
    RunSettings longer =
        new RunSettings(
            2, 5, rate, 0, true, OptimizerSettings.adam(0.9), LossWeighting.TRUNCATED_SNR);
    return LatentRuns.distill(
        device,
        teacher(),
        new LatentDistillationSettings(
            new VelocitySettings(longer, 3, velocity.dropout(), within),
            usual.students(),
            false,
            false,
            2),
        holdsOut,
        null,
        run,
        events,
        () -> stops);
  }

  private static String updates(Path run) throws IOException {
    return Json.read(ObjectNode.class, run.resolve("velocity/unet/config.json"))
        .at("/_halfstep_card/provenance/updates")
        .asText();
  }

  /** What is measured is known at the first checkpoint already, but the ramp has three updates. */
  @Test
  void theStopRuleEndsTheFirstPhaseAfterItsRamp() throws IOException {
    Path run = folder.resolve("enough");
    Events events = Events.collecting();
    assertTrue(converting(run, 1e-4, 1e9, true, events, false));
    assertEquals("3", updates(run));
    assertTrue(
        events.notes().contains("from eps to v: its stop rule is met after update 3"),
        events.notes().toString());
    Path crashed = folder.resolve("enough-crashed");
    Events crashing =
        Events.calling(
            line -> {
              if (line.startsWith("phase stage one")) {
                throw new Killed();
              }
            });
    assertThrows(Killed.class, () -> converting(crashed, 1e-4, 1e9, true, crashing, false));
    Events after = Events.collecting();
    assertTrue(converting(crashed, 1e-4, 1e9, true, after, false));
    assertTrue(after.lines().getFirst().startsWith("phase stage one"), "what ended is done");
    assertSame(LatentRuns.models(run), LatentRuns.models(crashed));
  }

  /** A rate that spoils the weights. */
  @Test
  void withoutItsStopRuleMetThePhaseMakesAllUpdates() throws IOException {
    Path held = folder.resolve("never");
    Events onHeldOut = Events.collecting();
    assertTrue(converting(held, 1, 1e-9, true, onHeldOut, false));
    assertEquals("5", updates(held));
    Path own = folder.resolve("never-own");
    Events onItsOwn = Events.collecting();
    assertTrue(converting(own, 1, 1e-9, false, onItsOwn, false));
    assertSame(LatentRuns.models(held), LatentRuns.models(own));
    assertNotEquals(onHeldOut.notes(), onItsOwn.notes(), "other examples, other errors");
  }

  @Test
  void whatIsNoTeacherIsRefused() throws IOException {
    LatentDistillationSettings settings = LatentRuns.settings(true, false, false, false);
    String foreign =
        assertThrows(
                IOException.class,
                () ->
                    LatentRuns.distill(
                        device,
                        folder.resolve("tiny/lcm"),
                        settings,
                        folder.resolve("foreign"),
                        Events.collecting(),
                        () -> false))
            .getMessage();
    assertTrue(foreign.contains("distilled already"), foreign);
  }
}
