package org.halfstep.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.io.IOException;
import java.util.List;
import org.halfstep.cli.option.Settings;
import org.halfstep.diffusion.Chain;
import org.halfstep.distill.DistillationSettings;
import org.halfstep.distill.StudentKind;
import org.junit.jupiter.api.Test;

/** The presets of the paper's other students: what they change, and what they cost. */
class PresetVariantsTest {
  private static DistillationSettings distillation(String preset) throws IOException {
    return Settings.preset(preset).section("distillation", DistillationSettings.class);
  }

  @Test
  void ablationsHaveAsManyUpdatesAsTheMainChain() throws IOException {
    DistillationSettings main = distillation("fashion-mnist");
    assertNull(main.kind());
    for (String ablation : List.of("stochastic", "single-w", "naive")) {
      DistillationSettings settings = distillation("fashion-mnist-" + ablation);
      assertEquals(main.totalUpdates(), settings.totalUpdates(), ablation);
      assertEquals(main.teacherSteps(), settings.teacherSteps(), ablation);
      assertEquals(main.lastSteps(), settings.lastSteps(), ablation);
      assertEquals(main.halving().batch(), settings.halving().batch(), ablation);
      assertNotEquals(main, settings, ablation);
    }
  }

  @Test
  void eachChangesWhatItIsNamedFor() throws IOException {
    assertEquals(Chain.STOCHASTIC, distillation("fashion-mnist-stochastic").chain());
    DistillationSettings single = distillation("fashion-mnist-single-w");
    assertEquals(single.guidance().min(), single.guidance().max());
    DistillationSettings naive = distillation("fashion-mnist-naive");
    assertEquals(StudentKind.NAIVE, naive.kind());
    assertFalse(naive.absorbsGuidance());
    DistillationSettings encoder = distillation("fashion-mnist-encoder");
    assertEquals(Chain.ENCODER, encoder.chain());
    assertEquals(256, encoder.schedule().stage(0).studentSteps());
    assertEquals(4, encoder.lastSteps());
    assertEquals(0, encoder.guidance().max());
    // What a variant does not say is the base's.
    assertEquals(distillation("fashion-mnist").halving(), encoder.halving());
  }

  @Test
  void everyVariantIsAPreset() throws IOException {
    for (String variant : Settings.VARIANTS) {
      Settings settings = Settings.preset(variant);
      assertNull(settings.section(Settings.BASE), variant);
      settings.set("distillation.seed", 3);
    }
    assertEquals(1, distillation("fashion-mnist-naive").seed());
  }
}
