package org.halfstep.doctor;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Locale;
import java.util.function.Consumer;
import org.halfstep.latent.FirstStage;
import org.halfstep.latent.LatentDraw;

/** Whether a picture comes back from its latent, and whether latents have the size they should. */
final class FirstStageExamination {
  private static final double LEAST_SIGNAL = 20;
  private static final double LEAST_DEVIATION = 0.5;
  private static final double MOST_DEVIATION = 1.5;

  /**
   * A picture and its latent.
   *
   * @param side of the picture
   * @param picture float32 in [-1, 1], HWC
   * @param latent float32, scaled, HWC
   */
  record Encoded(int side, MemorySegment picture, MemorySegment latent) {}

  private FirstStageExamination() {}

  /**
   * @param file the user's picture; null for a drawn one
   * @param side of the picture that it is made to
   */
  static Encoded run(FirstStage stage, Path file, int side, Arena arena, Consumer<Finding> findings)
      throws IOException {
    MemorySegment picture = arena.allocate(Float.BYTES * TestPicture.numbers(side), Float.BYTES);
    TestPicture.write(file, side, picture);
    int latentSide = side / stage.factor();
    long latentNumbers = (long) latentSide * latentSide * stage.latentChannels();
    MemorySegment latent = arena.allocate(Float.BYTES * latentNumbers, Float.BYTES);
    stage.encode(1, side, side, picture, LatentDraw.mode(), latent);
    double deviation = TextExamination.moments(latent)[1];
    findings.accept(
        Finding.estimated(
            "first stage: latents' deviation",
            deviation >= LEAST_DEVIATION && deviation <= MOST_DEVIATION,
            String.format(Locale.ROOT, "%.3f", deviation),
            LEAST_DEVIATION + " to " + MOST_DEVIATION + ": the scaling factor makes it about 1"));
    MemorySegment back = arena.allocate(picture.byteSize(), Float.BYTES);
    stage.decode(1, latentSide, latentSide, latent, back);
    double signal = TestPicture.signalToNoise(picture, back);
    findings.accept(
        Finding.estimated(
            "first stage: there and back",
            signal > LEAST_SIGNAL,
            String.format(Locale.ROOT, "%.1f dB", signal),
            "more than " + LEAST_SIGNAL + " dB"));
    return new Encoded(side, picture, latent);
  }

  /** How like the picture a latent's decoding is, in decibels. */
  static double likeness(FirstStage stage, Encoded encoded, MemorySegment latent) {
    int latentSide = encoded.side() / stage.factor();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment decoded = arena.allocate(encoded.picture().byteSize(), Float.BYTES);
      stage.decode(1, latentSide, latentSide, latent, decoded);
      return TestPicture.signalToNoise(encoded.picture(), decoded);
    }
  }
}
