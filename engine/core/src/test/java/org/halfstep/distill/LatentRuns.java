package org.halfstep.distill;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.halfstep.checkpoint.Checkpoint;
import org.halfstep.checkpoint.CheckpointOptions;
import org.halfstep.checkpoint.Component;
import org.halfstep.checkpoint.Part;
import org.halfstep.checkpoint.TextDescription;
import org.halfstep.checkpoint.UNetDescription;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.diffusion.ExampleDraws;
import org.halfstep.diffusion.GuidanceRange;
import org.halfstep.diffusion.LossWeighting;
import org.halfstep.files.Json;
import org.halfstep.graph.Shape;
import org.halfstep.latent.ClipTextConfig;
import org.halfstep.model.ComponentCard;
import org.halfstep.model.Network;
import org.halfstep.random.Philox;
import org.halfstep.text.TokenTable;
import org.halfstep.train.CaptionedTeacherRun;
import org.halfstep.train.CaptionedTeacherSettings;
import org.halfstep.train.CaptionedTeacherStart;
import org.halfstep.train.Examples;
import org.halfstep.train.LossTable;
import org.halfstep.train.OptimizerSettings;
import org.halfstep.train.RenumberedExamples;
import org.halfstep.train.Resume;
import org.halfstep.train.RunListener;
import org.halfstep.train.RunSettings;

/** Distillations of the tiny latent model, of a few updates each. */
final class LatentRuns {
  static final Shape LATENT = new Shape(8, 8, 4);
  static final List<String> CAPTIONS = List.of("a red fox", "a cat", "snow on a house");

  /** Captions with pairs of letters that a tokenizer can be made of. */
  private static final List<String> TOLD = List.of("red cat", "blue cat", "cat");

  static final List<String> HELD_OUT = List.of("a dog");
  private static final OptimizerSettings NO_AVERAGE =
      new OptimizerSettings(0.9, 0.999, 1e-8, 0, false, 1, 0);

  private LatentRuns() {}

  /**
   * Latents that are noise of their own, with captions in turn.
   *
   * @param besideChannels of noise that an inpainting network sees beside
   */
  record Latents(int count, Shape shape, int conditions, int besideChannels) implements Examples {
    @Override
    public void writeBeside(
        int index, long example, ExampleDraws draws, MemorySegment destination, long byteOffset) {
      for (int i = 0; i < shape.pixels() * besideChannels; i++) {
        destination.set(
            ValueLayout.JAVA_FLOAT,
            byteOffset + 4L * i,
            (float) Philox.normal(draws.seed(), index, 8, i));
      }
    }

    @Override
    public int condition(int index, long example, ExampleDraws draws) {
      return (int) (example % conditions);
    }

    @Override
    public void write(
        int index, long example, ExampleDraws draws, MemorySegment destination, long byteOffset) {
      for (int i = 0; i < shape.size(); i++) {
        destination.set(
            ValueLayout.JAVA_FLOAT,
            byteOffset + 4L * i,
            (float) Philox.normal(draws.seed(), index, 7, i));
      }
    }

    @Override
    public String identity() {
      return count + " latents of noise";
    }
  }

  private static RunSettings run(long updates, OptimizerSettings optimizer) {
    return new RunSettings(2, updates, 1e-4, 0, true, optimizer, LossWeighting.TRUNCATED_SNR);
  }

  /**
   * From eps to v where that is needed, stage one with moments in bfloat16, then 4 to 2 and 2 to 1
   * steps.
   *
   * @param merged whether stage one takes the teacher's eps
   */
  static LatentDistillationSettings settings(
      boolean merged, boolean stochastic, boolean noiseEnd, boolean recompute) {
    return new LatentDistillationSettings(
        merged ? null : new VelocitySettings(run(2, OptimizerSettings.adam(0.9)), 1, 0.3, null),
        new DistillationSettings(
            new GuidanceRange(2, 14),
            16,
            run(2, OptimizerSettings.adam(0.99).withState(DataType.BF16)),
            run(2, NO_AVERAGE),
            4,
            1,
            2,
            1,
            stochastic,
            false,
            6,
            1),
        noiseEnd,
        recompute,
        2);
  }

  /** From eps to v, then encoders from 4 to 2 and 2 to 1 steps. */
  static LatentDistillationSettings encoders() {
    LatentDistillationSettings usual = settings(false, false, false, false);
    DistillationSettings students = usual.students();
    return new LatentDistillationSettings(
        usual.velocity(),
        new DistillationSettings(
            new GuidanceRange(0, 0),
            students.guidanceEmbedDim(),
            students.guided(),
            students.halving(),
            students.teacherSteps(),
            students.lastSteps(),
            students.updatesForFewSteps(),
            students.fewSteps(),
            false,
            false,
            students.seed(),
            students.checkpointEvery(),
            StudentKind.ENCODER),
        false,
        false,
        2);
  }

  static boolean distill(
      Device device,
      Path teacher,
      LatentDistillationSettings settings,
      Path folder,
      RunListener listener,
      BooleanSupplier stop)
      throws IOException {
    return distill(device, teacher, settings, false, null, folder, listener, stop);
  }

  /**
   * @param holdsOut whether there are latents that are not learned from, with captions of their own
   * @param begun a model whose weights the student of its kind begins with; null for none
   */
  static boolean distill(
      Device device,
      Path teacher,
      LatentDistillationSettings settings,
      boolean holdsOut,
      Path begun,
      Path folder,
      RunListener listener,
      BooleanSupplier stop)
      throws IOException {
    try (Checkpoint checkpoint = Checkpoint.open(teacher, CheckpointOptions.standard())) {
      UNetDescription unet =
          (UNetDescription) checkpoint.component(Part.UNET).orElseThrow().network();
      Component text = checkpoint.component(Part.TEXT_ENCODER).orElseThrow();
      TextDescription description = (TextDescription) text.network();
      ClipTextConfig config = ClipTextConfig.context(description);
      List<String> all = new ArrayList<>(CAPTIONS);
      all.addAll(HELD_OUT);
      TokenTable captions =
          TokenTable.of(checkpoint.openTokenizer().orElseThrow(), all, description.positions());
      try (Network<ClipTextConfig, ComponentCard> encoder =
          Network.open(
              device,
              config,
              new ComponentCard("text encoder", Map.of()),
              text.tensors(),
              config.names(),
              Network.DEFAULT_MEMORY)) {
        LatentModels models =
            new LatentModels(
                device,
                checkpoint,
                Network.DEFAULT_MEMORY,
                folder,
                encoder,
                captions,
                LATENT,
                settings.students().guidanceEmbedDim());
        int beside = unet.inChannels() - unet.outChannels();
        Examples held =
            new RenumberedExamples(
                new Latents(4, LATENT, HELD_OUT.size(), beside), CAPTIONS.size());
        return DistillationRun.run(
            models,
            new Latents(6, LATENT, CAPTIONS.size(), beside),
            holdsOut ? held : null,
            settings,
            begun,
            folder,
            Resume.NEWEST,
            listener,
            stop);
      }
    }
  }

  /**
   * Trains a teacher of captions for a few updates, with a moving average.
   *
   * @param autoencoder folder of a model that has one
   */
  static boolean train(Device device, Path autoencoder, Path folder, RunListener listener)
      throws IOException {
    CaptionedTeacherSettings settings =
        new CaptionedTeacherSettings(
            64,
            Json.parse(
                ObjectNode.class,
                "text",
                """
                {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1,
                 "num_attention_heads": 2, "max_position_embeddings": 6}"""),
            Json.parse(
                ObjectNode.class,
                "unet",
                """
                {"block_out_channels": [32, 64], "layers_per_block": 1, "attention_head_dim": [2, 4],
                 "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
                 "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"]}"""),
            20,
            run(4, OptimizerSettings.adam(0.9)),
            0.2,
            true,
            5,
            1);
    try (Checkpoint checkpoint = Checkpoint.open(autoencoder, CheckpointOptions.standard())) {
      return CaptionedTeacherRun.run(
          device,
          new Latents(6, LATENT, TOLD.size(), 0),
          "noise",
          CaptionedTeacherStart.fresh(settings, TOLD, List.of(), LATENT),
          settings,
          checkpoint.component(Part.AUTOENCODER).orElseThrow(),
          folder,
          Resume.NEWEST,
          listener,
          () -> false);
    }
  }

  /** All files of the models of a run by their places. */
  static TreeMap<String, byte[]> models(Path folder) throws IOException {
    TreeMap<String, byte[]> models = new TreeMap<>();
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        String place = folder.relativize(file).toString();
        // What a killed writer left is removed by later ones, once it is a minute old.
        boolean isLeft = file.getFileName().toString().startsWith(".halfstep-");
        boolean isLog = place.equals(LossTable.FILE) || place.startsWith("tensorboard");
        if (!place.startsWith("checkpoints") && !isLog && !isLeft) {
          models.put(place, Files.readAllBytes(file));
        }
      }
    }
    return models;
  }
}
