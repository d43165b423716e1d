package org.halfstep.attack;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.halfstep.data.DatasetOptions;
import org.halfstep.data.Datasets;
import org.halfstep.data.ImageDataset;
import org.halfstep.data.PictureFolder;
import org.halfstep.data.SampleBatchFile;
import org.halfstep.data.Split;
import org.halfstep.device.CpuOptions;
import org.halfstep.device.Device;
import org.halfstep.device.Devices;
import org.halfstep.device.Slab;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.diffusion.GuidanceRange;
import org.halfstep.diffusion.HalvingSchedule;
import org.halfstep.files.AtomicFile;
import org.halfstep.graph.PlanOptions;
import org.halfstep.graph.Shape;
import org.halfstep.image.ImageBatch;
import org.halfstep.image.ImageGrid;
import org.halfstep.image.PngFile;
import org.halfstep.metrics.ClassifierExtractor;
import org.halfstep.metrics.InceptionExtractor;
import org.halfstep.metrics.QualityMeter;
import org.halfstep.metrics.ReferenceMeter;
import org.halfstep.model.ClassifierConfig;
import org.halfstep.model.ModelCard;
import org.halfstep.model.UNetConfig;
import org.halfstep.numpy.NpzFile;
import org.halfstep.quantize.CalibrationSettings;
import org.halfstep.random.Permutation;
import org.halfstep.safetensors.SafetensorsFile;
import org.halfstep.safetensors.SafetensorsWriter;
import org.halfstep.sample.Cancellation;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.ModelOptions;
import org.halfstep.sample.SampleRequest;
import org.halfstep.torch.TorchFile;
import org.halfstep.train.OptimizerSettings;

/**
 * Calls of the library that cannot be meant: each fails with an exception whose message is one
 * line, leaves nothing open, and does not end the process.
 */
final class LibraryMisuse {
  private final Ground ground;
  private Tally tally;

  LibraryMisuse(Ground ground) {
    this.ground = ground;
  }

  void attack(Tally into) throws IOException {
    tally = into;
    records();
    images();
    files();
    try (Device device = new CpuDevice(1);
        DiffusionModel model =
            DiffusionModel.open(ground.student, ModelOptions.standard().withDevice(device))) {
      sampling(model);
      devices(device);
      metrics(device);
    }
    closed();
    List<String> open = Slab.live();
    tally.add("memory", open.isEmpty() ? Optional.empty() : Optional.of("left open: " + open));
  }

  private void refuse(String what, Tally.Call call) {
    tally.refuse(what, call);
  }

  private void records() {
    refuse("no labels", () -> SampleRequest.of(new int[0], 0, 1, 4));
    refuse("null labels", () -> SampleRequest.of((int[]) null, 0, 1, 4));
    refuse("steps 0", () -> SampleRequest.of(new int[1], 0, 1, 0));
    refuse("steps at most", () -> SampleRequest.of(new int[1], 0, 1, Integer.MAX_VALUE));
    refuse("w NaN", () -> SampleRequest.of(new int[1], 0, Double.NaN, 4));
    refuse("w negative", () -> SampleRequest.of(new int[1], 0, -0.5, 4));
    refuse("first image", () -> SampleRequest.of(new int[1], 0, 1, 4).withFirstImage(-1));
    refuse("slice backwards", () -> SampleRequest.of(new int[4], 0, 1, 4).slice(3, 1));
    refuse("slice beyond", () -> SampleRequest.of(new int[4], 0, 1, 4).slice(0, 9));
    refuse("batch 0", () -> ModelOptions.standard().withMaxBatch(0));
    refuse("batch at most", () -> ModelOptions.standard().withMaxBatch(Integer.MAX_VALUE));
    refuse("memory below 0", () -> ModelOptions.standard().withMemory(-2));
    refuse("threads -1", () -> ModelOptions.standard().withThreads(-1));
    refuse("threads at most", () -> ModelOptions.standard().withThreads(Integer.MAX_VALUE));
    refuse("data of one side", () -> DatasetOptions.of(Split.TRAIN).withSize(8, 0, 1));
    refuse(
        "data of a huge side", () -> DatasetOptions.of(Split.TRAIN).withSize(1 << 20, 1 << 20, 3));
    refuse("two channels", () -> DatasetOptions.of(Split.TRAIN).withSize(8, 8, 2));
    refuse("a range of w backwards", () -> new GuidanceRange(4, 0));
    refuse("a range of w to NaN", () -> new GuidanceRange(0, Double.NaN));
    refuse("halving of 6 steps", () -> HalvingSchedule.of(6, 10, 1e-3));
    refuse("no updates", () -> HalvingSchedule.of(8, -1, 1e-3));
    refuse("Adam at NaN", () -> OptimizerSettings.adam(Double.NaN));
    refuse("beta of 1", () -> new OptimizerSettings(1, 0.9, 1e-8, 0, false, 1, 0));
    refuse("no images to calibrate with", () -> new CalibrationSettings(0, 1));
    refuse("a classifier of no classes", () -> new ClassifierConfig(8, 1, 0, List.of(8)));
    refuse("a classifier without widths", () -> new ClassifierConfig(8, 1, 3, List.of()));
    refuse("JSON that is none", () -> UNetConfig.fromJson("{"));
    refuse("JSON null", () -> UNetConfig.fromJson("null"));
    refuse("JSON of nothing", () -> UNetConfig.fromJson("{}"));
    refuse("a card that is none", () -> ModelCard.fromJson("[1]"));
    refuse("a shape of nothing", () -> new Shape(0, 1, 1));
    refuse("a plan of no batch", () -> PlanOptions.inference(0));
    refuse("a plan of any batch", () -> PlanOptions.inference(Integer.MAX_VALUE));
    refuse("a permutation of nothing", () -> new Permutation(1, 1, 0));
    refuse("beyond a permutation", () -> new Permutation(1, 1, 5).at(5));
    refuse("before a permutation", () -> new Permutation(1, 1, 5).at(-1));
  }

  private void images() {
    byte[] four = new byte[4];
    ImageBatch batch = new ImageBatch(1, 2, 2, 1, four);
    refuse("bytes too few", () -> new ImageBatch(2, 2, 2, 1, four));
    refuse("images below 0", () -> new ImageBatch(-1, 2, 2, 1, four));
    refuse("image beyond", () -> batch.image(1));
    refuse("image before", () -> batch.image(-1));
    refuse("more than there are", () -> batch.first(2));
    refuse("none together", () -> ImageBatch.concatenated(List.of()));
    refuse(
        "other sizes",
        () -> ImageBatch.concatenated(List.of(batch, new ImageBatch(1, 1, 4, 1, four))));
    refuse(
        "sizes that overflow",
        () -> ImageBatch.ofNormalized(1 << 16, 1 << 16, 1, 3, MemorySegment.NULL, 0));
    refuse(
        "NaN as a colour",
        () ->
            ImageBatch.ofNormalized(1, 1, 1, 1, MemorySegment.ofArray(new float[] {Float.NaN}), 0));
    refuse("a grid of no columns", () -> new ImageGrid(0, 0, 1));
    refuse(
        "a grid of nothing",
        () -> new ImageGrid(1, 0, 1).render(new ImageBatch(0, 2, 2, 1, new byte[0])));
    refuse("a grid beyond pixels", () -> new ImageGrid(1, 0, 1 << 20).render(batch));
    refuse(
        "a key of PNG",
        () -> PngFile.bytes(new BufferedImage(1, 1, 1), Map.of("k".repeat(80), "")));
    refuse("labels too few", () -> ImageDataset.of(four, new int[2], 2, 2, 1, List.of("a")));
    refuse(
        "labels beyond classes", () -> ImageDataset.of(four, new int[] {3}, 2, 2, 1, List.of("a")));
  }

  private void files() throws IOException {
    Path odd = Files.createDirectories(ground.folder.resolve("odd"));
    Path text = Files.writeString(odd.resolve("text"), "no such thing\n");
    Path nothing = odd.resolve("nothing");
    for (Path path : List.of(odd, text, nothing, Path.of("/dev/null"))) {
      refuse("model " + path, () -> DiffusionModel.open(path).close());
      refuse("safetensors " + path, () -> SafetensorsFile.open(path).close());
      refuse("torch " + path, () -> TorchFile.open(path).close());
      refuse("npz " + path, () -> NpzFile.open(path).close());
      refuse("samples " + path, () -> SampleBatchFile.open(path).close());
      refuse("pictures " + path, () -> PictureFolder.open(path).close());
      refuse("png " + path, () -> PngFile.text(path));
      refuse("data " + path, () -> Datasets.open(path, DatasetOptions.of(Split.TRAIN)).close());
    }
    refuse("no such model", () -> DiffusionModel.bundled("nothing").close());
    refuse(
        "test images of a whole",
        () -> Datasets.open(odd, DatasetOptions.of(Split.TEST).withSize(8, 8, 1)).close());
    refuse(
        "a tensor that is not there",
        () -> {
          try (SafetensorsFile file = SafetensorsFile.open(ground.student)) {
            file.tensor("nothing");
          }
        });
    refuse(
        "no entries",
        () -> SafetensorsWriter.write(odd.resolve("s"), Collections.singletonList(null), Map.of()));
    refuse("into a file as a folder", () -> AtomicFile.write(text.resolve("below"), new byte[1]));
    refuse("over a folder", () -> AtomicFile.write(odd, new byte[1]));
  }

  private void sampling(DiffusionModel model) {
    SampleRequest good = model.request(0);
    refuse("label beyond", () -> model.sample(model.request(99)));
    refuse("label before", () -> model.sample(model.request(-1)));
    refuse("other steps than a student's", () -> model.sample(good.withSteps(7)));
    refuse("w beyond a student's", () -> model.sample(good.withGuidance(900)));
    refuse("an unknown name", () -> model.labels("nobody"));
    refuse("no name", () -> model.labels((String) null));
    refuse("into too little", () -> model.sample(good, MemorySegment.ofArray(new float[1])));
    refuse("into nothing", () -> model.sample(good, MemorySegment.NULL));
    refuse(
        "into what is read only",
        () -> {
          try (Arena arena = Arena.ofConfined()) {
            model.sample(good, arena.allocate(4L * model.imageValues(), 4).asReadOnly());
          }
        });
    refuse(
        "into what is closed",
        () -> {
          MemorySegment closed;
          try (Arena arena = Arena.ofShared()) {
            closed = arena.allocate(4L * model.imageValues(), 4);
          }
          model.sample(good, closed);
        });
    refuse(
        "cancelled before",
        () -> {
          Cancellation cancelled = new Cancellation();
          cancelled.cancel();
          model.sample(good, cancelled);
        });
    refuse(
        "interrupted before",
        () -> {
          Thread.currentThread().interrupt();
          try {
            model.sample(good);
          } finally {
            Thread.interrupted();
          }
        });
  }

  private void devices(Device device) {
    refuse("a device of no name", () -> Devices.open("").close());
    refuse("a device of any name", () -> Devices.open("tpu").close());
    refuse("a backend of no name", () -> Devices.backend("tpu"));
    refuse("no threads", () -> new CpuOptions(-1, CpuOptions.standard().convolutions()));
    refuse("threads of thousands", () -> new CpuDevice(1 << 20).close());
    refuse("memory below 0", () -> device.allocate("nothing", -1).close());
    refuse("kept values that are none", () -> PlanOptions.inference(1).withKept(null));
  }

  private void metrics(Device device) throws IOException {
    refuse("a model as classifier", () -> ClassifierExtractor.load(device, ground.student).close());
    refuse(
        "a classifier as Inception",
        () -> InceptionExtractor.open(device, ground.classifier).close());
    try (ClassifierExtractor extractor = ClassifierExtractor.load(device, ground.classifier)) {
      refuse("a reference of nothing", () -> new ReferenceMeter(extractor, 0));
      refuse("a reference without images", () -> new ReferenceMeter(extractor, 30).result("none"));
      refuse("quality of nothing", () -> new QualityMeter(extractor, null, 30));
      ReferenceMeter meter = new ReferenceMeter(extractor, 30);
      refuse("images of another size", () -> meter.add(new ImageBatch(1, 4, 4, 1, new byte[16])));
      refuse(
          "images of another colour", () -> meter.add(new ImageBatch(1, 8, 8, 3, new byte[192])));
    }
  }

  private void closed() throws IOException {
    DiffusionModel model = DiffusionModel.open(ground.student);
    SampleRequest request = model.request(0);
    model.close();
    model.close();
    refuse("a closed model", () -> model.sample(request));
    refuse("weights of a closed model", () -> model.network().weights().toArray());
    ImageDataset data = Datasets.open(ground.data, DatasetOptions.of(Split.TRAIN));
    data.close();
    refuse("closed images", () -> data.batch(0));
    refuse("closed images, their digest", data::sha256);
    SafetensorsFile file = SafetensorsFile.open(ground.student);
    String name = file.names().getFirst();
    file.close();
    refuse("a tensor of a closed file", () -> file.tensor(name).floats());
    Slab slab;
    try (Device device = new CpuDevice(1)) {
      slab = device.allocate("memory", 64);
      slab.close();
    }
    refuse("memory given back", slab::address);
    refuse("arrays that are too large", () -> Arrays.fill(new byte[-1], (byte) 0));
  }
}
