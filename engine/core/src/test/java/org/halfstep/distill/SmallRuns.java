package org.halfstep.distill;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.Device;
import org.halfstep.diffusion.GuidanceRange;
import org.halfstep.diffusion.LossWeighting;
import org.halfstep.model.Network;
import org.halfstep.model.TinyNetworks;
import org.halfstep.train.OptimizerSettings;
import org.halfstep.train.Resume;
import org.halfstep.train.RunListener;
import org.halfstep.train.RunSettings;
import org.halfstep.train.TeacherRun;
import org.halfstep.train.TeacherSettings;

/** A teacher's training and a distillation of a few updates each, for checks of resuming. */
final class SmallRuns {
  static final int SIDE = 8;
  static final int TEACHER_UPDATES = 7;
  static final int GUIDED_UPDATES = 3;
  static final int HALVING_UPDATES = 2;
  static final int LAST_UPDATES = 3;
  static final double RATE = 1e-3;
  private static final OptimizerSettings NO_AVERAGE =
      new OptimizerSettings(0.9, 0.999, 1e-8, 0, false, 1, 0);

  private SmallRuns() {}

  static ImageDataset data() {
    return TinyNetworks.images(SIDE, 10);
  }

  /** With dropout, label dropout, mirrored images and a moving average. */
  static TeacherSettings teacher(long checkpointEvery) {
    return new TeacherSettings(
        TinyNetworks.config(SIDE, 0.2f),
        new RunSettings(
            4,
            TEACHER_UPDATES,
            RATE,
            2,
            false,
            OptimizerSettings.adam(0.99),
            LossWeighting.SNR_PLUS_1),
        0.2,
        true,
        5,
        checkpointEvery);
  }

  /** Stage one, then 4 to 2 and 2 to 1 steps. */
  static DistillationSettings distillation(long checkpointEvery, boolean stochastic) {
    return distillation(checkpointEvery, stochastic, RATE, 4);
  }

  /** Halvings from 4 to 2 and 2 to 1 steps, without stage one. */
  static DistillationSettings distillation(long checkpointEvery, StudentKind kind) {
    return distillation(checkpointEvery, false, RATE, kind == StudentKind.ENCODER ? 0 : 4, kind);
  }

  /**
   * The same with another learning rate.
   *
   * @param strongest w
   */
  static DistillationSettings distillation(
      long checkpointEvery, boolean stochastic, double rate, double strongest) {
    return distillation(checkpointEvery, stochastic, rate, strongest, null);
  }

  private static DistillationSettings distillation(
      long checkpointEvery, boolean stochastic, double rate, double strongest, StudentKind kind) {
    return new DistillationSettings(
        new GuidanceRange(0, strongest),
        TinyNetworks.GUIDANCE_DIM,
        new RunSettings(
            2,
            GUIDED_UPDATES,
            rate,
            0,
            true,
            OptimizerSettings.adam(0.99),
            LossWeighting.SNR_PLUS_1),
        new RunSettings(2, HALVING_UPDATES, rate, 0, true, NO_AVERAGE, LossWeighting.TRUNCATED_SNR),
        4,
        1,
        LAST_UPDATES,
        1,
        stochastic,
        true,
        6,
        checkpointEvery,
        kind);
  }

  static boolean train(Device device, Path folder, long checkpointEvery, RunListener listener)
      throws IOException {
    try (ImageDataset data = data()) {
      return TeacherRun.run(
          device,
          data,
          "patterns",
          teacher(checkpointEvery),
          folder,
          Resume.NEWEST,
          listener,
          () -> false);
    }
  }

  static boolean distill(
      Device device, Path teacher, Path folder, DistillationSettings settings, RunListener listener)
      throws IOException {
    return distill(device, teacher, null, folder, settings, listener);
  }

  /**
   * @param begun a model whose weights the student of its kind begins with; null for none
   */
  static boolean distill(
      Device device,
      Path teacher,
      Path begun,
      Path folder,
      DistillationSettings settings,
      RunListener listener)
      throws IOException {
    try (ImageDataset data = data()) {
      return DistillationRun.run(
          device,
          teacher,
          Network.DEFAULT_MEMORY,
          data,
          settings,
          begun,
          folder,
          Resume.NEWEST,
          listener,
          () -> false);
    }
  }

  /** The model files of a run by name. */
  static TreeMap<String, byte[]> models(Path folder) throws IOException {
    TreeMap<String, byte[]> models = new TreeMap<>();
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : files.filter(path -> path.toString().endsWith(".safetensors")).toList()) {
        models.put(file.getFileName().toString(), Files.readAllBytes(file));
      }
    }
    return models;
  }

  /** Hears each event as one line. */
  record Events(List<String> lines, List<String> notes, Consumer<String> each)
      implements RunListener {
    static Events collecting() {
      return new Events(new ArrayList<>(), new ArrayList<>(), line -> {});
    }

    static Events calling(Consumer<String> each) {
      return new Events(new ArrayList<>(), new ArrayList<>(), each);
    }

    private void event(String line) {
      lines.add(line);
      each.accept(line);
    }

    @Override
    public void phase(String name, long updatesDone, long updatesTotal) {
      event("phase " + name + " " + updatesDone + "/" + updatesTotal);
    }

    @Override
    public void update(
        long done, long total, double loss, double learningRate, double gradientNorm) {
      event("update " + done + "/" + total + " " + loss + " at " + learningRate);
    }

    @Override
    public void saved(Path file) {
      event("saved " + file.getFileName());
    }

    @Override
    public void note(String line) {
      notes.add(line);
    }
  }
}
