package org.halfstep.fuzz;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.halfstep.checkpoint.Checkpoint;
import org.halfstep.checkpoint.CheckpointOptions;
import org.halfstep.checkpoint.ClipCheckpoint;
import org.halfstep.checkpoint.Component;
import org.halfstep.checkpoint.ComponentFile;
import org.halfstep.checkpoint.LowRankUpdates;
import org.halfstep.checkpoint.Part;
import org.halfstep.cli.option.Settings;
import org.halfstep.data.DatasetOptions;
import org.halfstep.data.Datasets;
import org.halfstep.data.ImageDataset;
import org.halfstep.data.SampleBatchFile;
import org.halfstep.data.Split;
import org.halfstep.device.cuda.cudnn.CudnnPlanCacheReading;
import org.halfstep.distill.DistillationSettings;
import org.halfstep.image.Fit;
import org.halfstep.image.ImageFile;
import org.halfstep.image.PngFile;
import org.halfstep.latent.LatentUNetConfig;
import org.halfstep.metrics.ReferenceFile;
import org.halfstep.metrics.ReferenceStatistics;
import org.halfstep.model.ClassifierConfig;
import org.halfstep.model.Network;
import org.halfstep.model.UNetConfig;
import org.halfstep.numpy.NpyArray;
import org.halfstep.numpy.NpzFile;
import org.halfstep.onnx.OnnxFile;
import org.halfstep.report.Origin;
import org.halfstep.report.Report;
import org.halfstep.safetensors.SafetensorsFile;
import org.halfstep.safetensors.ShardedFile;
import org.halfstep.safetensors.TensorView;
import org.halfstep.text.ClipTokenizer;
import org.halfstep.text.WordPieceTokenizer;
import org.halfstep.torch.TorchFile;
import org.halfstep.train.Checkpoints;
import org.halfstep.train.ClassifierSettings;
import org.halfstep.train.TeacherSettings;

/** Every reader of bytes that others wrote, and how its files look from inside. */
enum Reader {
  SAFETENSORS {
    @Override
    void read(byte[] input, Workplace place) throws IOException {
      try (SafetensorsFile file = SafetensorsFile.open(place.write("x.safetensors", input))) {
        for (String name : file.names()) {
          look(file.tensor(name));
        }
      }
    }
  },
  SAFETENSORS_HEADER {
    @Override
    void read(byte[] input, Workplace place) throws IOException {
      SAFETENSORS.read(Archives.safetensors(input, 64), place);
    }
  },
  SHARDS {
    @Override
    void read(byte[] input, Workplace place) throws IOException {
      place.write("one.safetensors", Files.readAllBytes(place.model()));
      Path index = place.write("x.safetensors.index.json", input);
      try (ShardedFile file = ShardedFile.open(index)) {
        for (String name : file.names()) {
          look(file.find(name).orElseThrow());
        }
      }
    }
  },
  MODEL {
    @Override
    void read(byte[] input, Workplace place) throws IOException {
      Path file =
          Archives.withMetadata(input, place, place.model(), "config", "card", "quantization");
      Network.load(place.device(), UNetConfig.FORMAT, file).close();
    }
  },
  MODEL_MAPPED {
    @Override
    void read(byte[] input, Workplace place) throws IOException {
      Network.open(place.device(), UNetConfig.FORMAT, place.write("model.safetensors", input))
          .close();
    }
  },
  CLASSIFIER {
    @Override
    void read(byte[] input, Workplace place) throws IOException {
      Path file = Archives.withMetadata(input, place, place.classifier(), "config", "card");
      Network.load(place.device(), ClassifierConfig.FORMAT, file).close();
    }
  },
  TORCH {
    @Override
    void read(byte[] input, Workplace place) throws IOException {
      Path path = place.write("x.pth", input);
      TorchFile.matches(path);
      try (TorchFile file = TorchFile.open(path)) {
        for (String name : file.names()) {
          look(file.find(name).orElseThrow());
        }
      }
    }
  },
  TORCH_PICKLE {
    @Override
    void read(byte[] input, Workplace place) throws IOException {
      TORCH.read(Archives.torch(input), place);
    }
  },
  ONNX {
    @Override
    void read(byte[] input, Workplace place) throws IOException {
      try (OnnxFile file = OnnxFile.open(place.write("x.onnx", input))) {
        for (String name : file.names()) {
          look(file.find(name).orElseThrow());
        }
      }
    }
  },
  CLIP {
    @Override
    void read(byte[] input, Workplace place) throws IOException {
      place.write("config.json", input);
      Path whole = place.tiny().resolve(Seeds.CLIP);
      place.link(whole, ".safetensors");
      place.link(whole, ".txt");
      ClipCheckpoint.open(place.folder()).close();
    }
  },
  NPZ {
    @Override
    void read(byte[] input, Workplace place) throws IOException {
      Path path = place.write("x.npz", input);
      try (NpzFile file = NpzFile.open(path)) {
        for (String name : file.names()) {
          file.array(name).doubles();
        }
      }
    }
  },
  NPZ_ARRAY {
    @Override
    void read(byte[] input, Workplace place) throws IOException {
      NpyArray.read(place.write("x.npy", input)).doubles();
    }
  },
  SAMPLES {
    @Override
    void read(byte[] input, Workplace place) throws IOException {
      byte[][] parts = Archives.parts(input, 2);
      Map<String, byte[]> entries = new LinkedHashMap<>();
      entries.put("arr_0.npy", parts[0]);
      entries.put("arr_1.npy", parts[1]);
      Path path = place.write("x.npz", Archives.zip(entries));
      try (SampleBatchFile file = SampleBatchFile.open(path)) {
        file.labels();
        while (file.next(3).count() > 0) {
          // Until the last.
        }
      }
    }
  },
  REFERENCE {
    @Override
    void read(byte[] input, Workplace place) throws IOException {
      byte[][] parts = Archives.parts(input, 4);
      Map<String, byte[]> entries = new LinkedHashMap<>();
      entries.put("mu.npy", parts[0]);
      entries.put("sigma.npy", parts[1]);
      entries.put("features.npy", parts[2]);
      entries.put("images.npy", parts[3]);
      entries.put("extractor.npy", Seeds.hash());
      entries.put("source.npy", Seeds.hash());
      ReferenceFile kept = new ReferenceFile(place.folder(), Seeds.HASH, Seeds.HASH);
      place.write(kept.path().getFileName().toString(), Archives.zip(entries));
      ReferenceStatistics.read(kept.path());
      kept.read("x");
    }
  },
  IDX {
    @Override
    void read(byte[] input, Workplace place) throws IOException {
      byte[][] parts = Archives.parts(input, 3);
      place.write("train-images-idx3-ubyte", parts[0]);
      place.write("train-labels-idx1-ubyte", parts[1]);
      place.write("classes.txt", parts[2]);
      open(place, DatasetOptions.of(Split.TRAIN));
    }
  },
  CIFAR {
    @Override
    void read(byte[] input, Workplace place) throws IOException {
      byte[][] parts = Archives.parts(input, 2);
      place.write("fine_label_names.txt", parts[0]);
      place.write("test.bin", parts[1]);
      open(place, DatasetOptions.of(Split.TEST));
    }
  },
  PICTURE {
    @Override
    void read(byte[] input, Workplace place) throws IOException {
      Path file = place.write("x.png", input);
      ImageFile.isGrey(file);
      ImageFile.read(file, 0);
      ImageFile.read(file, 3, 8, 8, Fit.PAD);
    }
  },
  PNG_PARTS {
    @Override
    void read(byte[] input, Workplace place) throws IOException {
      PICTURE.read(Archives.png(input), place);
    }
  },
  PNG_TEXT {
    @Override
    void read(byte[] input, Workplace place) throws IOException {
      PngFile.text(place.write("x.png", Archives.png(input)));
    }
  },
  PICTURE_FOLDER {
    @Override
    void read(byte[] input, Workplace place) throws IOException {
      byte[][] parts = Archives.parts(input, 2);
      place.write("a.png", Archives.png(parts[0]));
      place.write("b.jpg", parts[1]);
      open(place, DatasetOptions.of(Split.TRAIN).withSize(8, 8, 3));
    }
  },
  CONFIGURATION {
    @Override
    void read(byte[] input, Workplace place) throws IOException {
      Settings settings = Settings.preset("tiny");
      settings.overlay(place.write("config.json", input));
      settings.section("teacher", TeacherSettings.class);
      settings.section("distillation", DistillationSettings.class);
      settings.section("classifier", ClassifierSettings.class);
    }
  },
  PROGRESS {
    @Override
    void read(byte[] input, Workplace place) throws IOException {
      place.write("checkpoints/checkpoint-00000001/progress.json", input);
      try (Checkpoints checkpoints = new Checkpoints(place.folder())) {
        checkpoints.latest();
      }
    }
  },
  RESULTS {
    @Override
    void read(byte[] input, Workplace place) throws IOException {
      place.write("results.json", input);
      new Report(place.folder(), new Origin("", "", "", ""), _ -> {}).close();
    }
  },
  CLIP_MERGES {
    @Override
    void read(byte[] input, Workplace place) throws IOException {
      ClipTokenizer.open(place.write("merges.txt", input)).sequence("the cat");
    }
  },
  CLIP_PACKED {
    @Override
    void read(byte[] input, Workplace place) throws IOException {
      ClipTokenizer.open(place.write("merges.txt.gz", input)).sequence("the cat");
    }
  },
  CLIP_TOKENIZER {
    @Override
    void read(byte[] input, Workplace place) throws IOException {
      ClipTokenizer.open(place.write("tokenizer.json", input)).sequence("the cat");
    }
  },
  CLIP_FOLDER {
    @Override
    void read(byte[] input, Workplace place) throws IOException {
      byte[][] parts = Archives.parts(input, 3);
      place.write("merges.txt", parts[0]);
      place.write("special_tokens_map.json", parts[1]);
      place.write("vocab.json", parts[2]);
      ClipTokenizer.open(place.folder()).sequence("the cat");
    }
  },
  WORD_PIECES {
    @Override
    void read(byte[] input, Workplace place) throws IOException {
      WordPieceTokenizer.open(place.write("tokenizer.json", input)).sequence("foxes", 8);
    }
  },
  WORD_LIST {
    @Override
    void read(byte[] input, Workplace place) throws IOException {
      WordPieceTokenizer.open(place.write("vocab.txt", input)).sequence("foxes", 8);
    }
  },
  PROMPT {
    @Override
    void read(byte[] input, Workplace place) throws IOException {
      String text = new String(input, StandardCharsets.UTF_8);
      place.clip().sequence(text);
      place.wordPieces().sequence(text, 8);
    }
  },
  PIPELINE {
    @Override
    void read(byte[] input, Workplace place) throws IOException {
      byte[][] parts = Archives.parts(input, PIPELINE_TEXTS.size());
      for (int i = 0; i < parts.length; i++) {
        place.write(PIPELINE_TEXTS.get(i), parts[i]);
      }
      place.link(place.tiny().resolve("diffusers"), ".safetensors");
      Checkpoint.open(place.folder(), CheckpointOptions.standard()).close();
    }
  },
  BUNDLED_NETWORK {
    @Override
    void read(byte[] input, Workplace place) throws IOException {
      Path whole = place.tiny().resolve(Seeds.BUNDLED);
      Path file = Archives.withMetadata(input, place, whole, "config", "tokenizer", "scheduler");
      ComponentFile.open(Path.of("model"), List.of(file)).close();
    }
  },
  SHARD_INDEX {
    @Override
    void read(byte[] input, Workplace place) throws IOException {
      Path unet = place.tiny().resolve("sharded/unet");
      place.write("config.json", Files.readAllBytes(unet.resolve("config.json")));
      place.write("diffusion_pytorch_model.safetensors.index.json", input);
      place.link(unet, ".safetensors");
      Checkpoint.open(place.folder(), CheckpointOptions.standard()).close();
    }
  },
  SINGLE_FILE {
    @Override
    void read(byte[] input, Workplace place) throws IOException {
      Path file = place.write("x.safetensors", Archives.safetensors(input, SINGLE_BYTES));
      Checkpoint.open(file, CheckpointOptions.standard()).close();
    }
  },
  SINGLE_PICKLE {
    @Override
    void read(byte[] input, Workplace place) throws IOException {
      Path file = place.write("x.ckpt", Archives.torch(input));
      Checkpoint.open(file, CheckpointOptions.standard()).close();
    }
  },
  SINGLE_TEXTS {
    @Override
    void read(byte[] input, Workplace place) throws IOException {
      Path whole = place.tiny().resolve("tiny-bf16.safetensors");
      Path file =
          Archives.withMetadata(
              input,
              place,
              whole,
              "unet/config.json",
              "vae/config.json",
              "text_encoder/config.json",
              "scheduler/scheduler_config.json");
      Checkpoint.open(file, CheckpointOptions.standard()).close();
    }
  },
  LATENT_UNET {
    @Override
    void read(byte[] input, Workplace place) throws IOException {
      Path file =
          Archives.withMetadata(input, place, place.latentUNet(), "config", "card", "quantization");
      Network.load(place.device(), LatentUNetConfig.FORMAT, file).close();
    }
  },
  LOW_RANK {
    @Override
    void read(byte[] input, Workplace place) throws IOException {
      byte[][] parts = Archives.parts(input, 2);
      byte[] whole = Archives.safetensors(parts[0], parts[1].length);
      System.arraycopy(parts[1], 0, whole, Long.BYTES + parts[0].length, parts[1].length);
      Path file = place.write("lora.safetensors", whole);
      Checkpoint model = place.latent();
      try (LowRankUpdates updates = LowRankUpdates.open(file, model.components().values())) {
        Component unet = model.component(Part.UNET).orElseThrow();
        Component merged = updates.merge(unet, 0.5);
        if (merged != unet) {
          merged.tensors().close();
        }
      }
    }
  },
  PLAN_CACHE {
    @Override
    void read(byte[] input, Workplace place) throws IOException {
      Path folder = place.folder().resolve("plans");
      Files.write(CudnnPlanCacheReading.store(folder), input);
      CudnnPlanCacheReading.load(folder);
    }
  };

  /** The texts of a pipeline's folder. */
  static final List<String> PIPELINE_TEXTS =
      List.of(
          "model_index.json",
          "unet/config.json",
          "vae/config.json",
          "text_encoder/config.json",
          "scheduler/scheduler_config.json");

  /** Bytes of numbers in a single file. */
  static final int SINGLE_BYTES = 64;

  /**
   * Reads a file that is made of the input.
   *
   * @throws IOException when it is refused, as most are
   */
  abstract void read(byte[] input, Workplace place) throws IOException;

  private static void look(TensorView tensor) {
    tensor.firstNotFinite();
    if (tensor.dtype().isFloating()) {
      tensor.doubles();
    } else if (tensor.dtype().isInteger()) {
      tensor.longs();
    }
  }

  private static void open(Workplace place, DatasetOptions options) throws IOException {
    try (ImageDataset data = Datasets.open(place.folder(), options)) {
      data.batch(0);
    }
  }
}
