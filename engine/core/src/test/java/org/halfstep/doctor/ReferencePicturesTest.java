package org.halfstep.doctor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import org.halfstep.checkpoint.TinyPipeline;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.diffusion.Solver;
import org.halfstep.doctor.Finding.Verdict;
import org.halfstep.doctor.ReferencePictures.Picture;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.ModelOptions;
import org.halfstep.sample.SampleRequest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The published values are looked for where they were published: blue, in their window. */
class ReferencePicturesTest {
  private static final int BLUE = 2;

  private static Verdict verdict(Picture picture, int channel, int shift, double more) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment pixels =
          arena.allocate(Float.BYTES * TestPicture.numbers(picture.side()), Float.BYTES);
      for (int i = 0; i < picture.values().size(); i++) {
        long y = picture.first() + i / 3 - shift;
        long x = picture.first() + i % 3;
        double value = 2 * (picture.values().get(i) + more) - 1;
        pixels.setAtIndex(
            ValueLayout.JAVA_FLOAT, (y * picture.side() + x) * 3 + channel, (float) value);
      }
      return ReferencePictures.compare(picture, Solver.DDIM, pixels).verdict();
    }
  }

  @Test
  void theValuesThemselvesPass() {
    for (Picture picture : ReferencePictures.PICTURES) {
      assertEquals(9, picture.values().size());
      assertTrue(picture.first() + 3 <= picture.side());
      assertEquals(Verdict.PASSED, verdict(picture, BLUE, 0, 0.9 * picture.tolerance()));
    }
  }

  @Test
  void aPictureIsMadeAsItsRowSays(@TempDir Path folder) throws IOException {
    TinyPipeline.write(folder.resolve("tiny"));
    try (Device device = new CpuDevice();
        DiffusionModel model =
            DiffusionModel.open(
                folder.resolve("tiny/diffusers"), ModelOptions.standard().withDevice(device))) {
      for (Picture picture : ReferencePictures.PICTURES) {
        SampleRequest request = ReferencePictures.request(model, picture);
        assertEquals(
            picture.solver() == null ? model.defaultSampler() : picture.solver(),
            request.sampler());
        assertEquals(picture.end(), request.end());
        assertEquals(picture.steps(), request.steps());
        assertEquals(picture.noise(), request.noise());
        assertEquals(picture.side(), request.height());
        model.requireSupported(request);
      }
    }
  }

  @Test
  void otherValuesOtherColoursAndOtherPlacesFail() {
    for (Picture picture : ReferencePictures.PICTURES) {
      assertEquals(Verdict.FAILED, verdict(picture, BLUE, 0, 2 * picture.tolerance()));
      assertEquals(Verdict.FAILED, verdict(picture, 0, 0, 0));
      assertEquals(Verdict.FAILED, verdict(picture, BLUE, 1, 0));
    }
  }
}
