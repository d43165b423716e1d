package org.halfstep.examples;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.IntStream;
import org.halfstep.data.DatasetOptions;
import org.halfstep.data.Datasets;
import org.halfstep.data.ImageDataset;
import org.halfstep.data.Split;
import org.halfstep.device.Device;
import org.halfstep.device.Devices;
import org.halfstep.diffusion.LossWeighting;
import org.halfstep.image.ImageGrid;
import org.halfstep.model.UNetConfig;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.ModelOptions;
import org.halfstep.sample.SampleRequest;
import org.halfstep.train.OptimizerSettings;
import org.halfstep.train.Resume;
import org.halfstep.train.RunListener;
import org.halfstep.train.RunSettings;
import org.halfstep.train.TeacherRun;
import org.halfstep.train.TeacherSettings;

/**
 * Trains a model on pictures, one sub-folder of PNG or JPEG files per class, and draws four of each
 * class with it: {@code TrainOnFolder PICTURES OUT [UPDATES]}. A run that was stopped goes on from
 * its last checkpoint.
 */
public final class TrainOnFolder {
  private static final int SIDE = 32;
  private static final int CHANNELS = 3;
  private static final int PER_CLASS = 4;

  private TrainOnFolder() {}

  public static void main(String[] args) throws IOException {
    if (args.length < 2) {
      System.err.println("usage: TrainOnFolder PICTURES OUT [UPDATES]");
      System.exit(2);
    }
    long updates = args.length > 2 ? Long.parseLong(args[2]) : 20_000;
    Path out = Path.of(args[1]);
    DatasetOptions options = DatasetOptions.of(Split.TRAIN).withSize(SIDE, SIDE, CHANNELS);
    try (ImageDataset data = Datasets.open(Path.of(args[0]), options);
        Device device = Devices.open(Devices.standard())) {
      TeacherSettings settings = settings(data.classNames().size(), updates);
      TeacherRun.run(
          device, data, "pictures", settings, out, Resume.NEWEST, new Console(), () -> false);
      ModelOptions here = ModelOptions.standard().withDevice(device);
      try (DiffusionModel model = DiffusionModel.open(out.resolve(TeacherRun.FILE), here)) {
        int[] labels =
            IntStream.range(0, PER_CLASS * model.classes()).map(i -> i / PER_CLASS).toArray();
        SampleRequest request = model.request(labels).withSteps(32).withGuidance(1);
        Path picture = out.resolve("samples.png");
        new ImageGrid(PER_CLASS, 2, 2).write(picture, model.sample(request), Map.of());
        System.out.println(picture);
      }
    }
  }

  /** A network of about three million weights, trained with a tenth of the labels left out. */
  private static TeacherSettings settings(int classes, long updates) {
    UNetConfig network =
        UNetConfig.fromJson(
            """
            {
              "image_size": %d, "in_channels": %d, "out_channels": %d,
              "model_channels": 32, "channel_mult": [1, 2, 4], "num_res_blocks": 1,
              "attention_resolutions": [8], "num_head_channels": 32,
              "use_scale_shift_norm": true, "resblock_updown": false, "conv_resample": true,
              "use_new_attention_order": false, "num_classes": %d, "cfg": true, "dropout": 0
            }
            """
                .formatted(SIDE, CHANNELS, CHANNELS, classes));
    RunSettings run =
        new RunSettings(
            16, updates, 2e-4, 500, false, OptimizerSettings.adam(0.999), LossWeighting.SNR_PLUS_1);
    return new TeacherSettings(network, run, 0.1, true, 0, 500);
  }

  private record Console() implements RunListener {
    @Override
    public void phase(String name, long updatesDone, long updatesTotal) {
      System.out.println(name + ": " + updatesDone + " of " + updatesTotal + " updates are done");
    }

    @Override
    public void update(
        long done, long total, double loss, double learningRate, double gradientNorm) {
      if (done % 100 == 0) {
        System.out.printf("update %d of %d, loss %.4f%n", done, total, loss);
      }
    }

    @Override
    public void saved(Path file) {
      System.out.println(file);
    }

    @Override
    public void note(String line) {
      System.out.println(line);
    }
  }
}
