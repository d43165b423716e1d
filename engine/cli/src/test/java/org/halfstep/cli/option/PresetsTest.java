package org.halfstep.cli.option;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import org.halfstep.distill.DistillationSettings;
import org.halfstep.model.UNetConfig;
import org.halfstep.train.ClassifierSettings;
import org.halfstep.train.TeacherSettings;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The presets of published experiments: sizes of networks, and numbers that the papers name. */
class PresetsTest {
  /** In millions, as the papers and docs/recipes.md have them. */
  @ParameterizedTest
  @CsvSource({"cifar10, 60.0", "cifar10-128, 15.0", "cifar10-64, 3.8", "imagenet64, 295.9"})
  void networksAreAsLargeAsTheirPages(String preset, double millions) throws IOException {
    UNetConfig network =
        Settings.preset(preset).section("teacher", TeacherSettings.class).network();
    assertEquals(millions, Math.round(network.graph().parameterCount() / 1e5) / 10.0);
  }

  @ParameterizedTest
  @ValueSource(strings = {"cifar10", "cifar10-128", "imagenet64"})
  void thePapersNumbers(String preset) throws IOException {
    Settings settings = Settings.preset(preset);
    TeacherSettings teacher = settings.section("teacher", TeacherSettings.class);
    DistillationSettings students = settings.section("distillation", DistillationSettings.class);
    assertEquals(0.9999, teacher.run().optimizer().emaDecay());
    assertEquals(0, students.guidance().min());
    assertEquals(4, students.guidance().max());
    assertEquals(10, students.schedule().stages());
    assertEquals(600_000, students.schedule().totalUpdates());
  }

  @Test
  void smallImagesComeWithAClassifier() throws IOException {
    for (String preset : new String[] {"cifar10", "cifar10-128", "cifar10-64"}) {
      assertEquals(
          32,
          Settings.preset(preset)
              .section("classifier", ClassifierSettings.class)
              .network()
              .imageSize());
    }
  }
}
