package org.halfstep.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import org.halfstep.checkpoint.Checkpoint;
import org.halfstep.checkpoint.Component;
import org.halfstep.checkpoint.FolderWriter;
import org.halfstep.checkpoint.WriteOptions;
import org.halfstep.device.Device;
import org.halfstep.graph.ParameterSlab;
import org.halfstep.model.ModelCard;
import org.halfstep.random.Philox;

/**
 * Trains a teacher of captioned latents from its newest checkpoint on: a latent UNet, and its text
 * encoder with it where that is not one that was trained before. What comes out is a whole latent
 * model as a folder of diffusers.
 */
public final class CaptionedTeacherRun {
  /** Name of the finished model's folder in the run's. */
  public static final String FOLDER = "teacher";

  private static final String TOKENIZER = "tokenizer";
  private static final String PHASE = "captioned teacher";
  private static final long WEIGHTS_STREAM = 0;
  private static final long TRAINING_STREAM = 1;

  private final Device device;
  private final Examples data;
  private final TeacherStart start;
  private final CaptionedTeacherSettings settings;
  private final Component autoencoder;
  private final Path folder;
  private final RunListener listener;
  private final ModelCard card;

  private CaptionedTeacherRun(
      Device device,
      Examples data,
      String dataName,
      TeacherStart start,
      CaptionedTeacherSettings settings,
      Component autoencoder,
      Path folder,
      RunListener listener) {
    this.device = device;
    this.data = data;
    this.start = start;
    this.settings = settings;
    this.autoencoder = autoencoder;
    this.folder = folder;
    this.listener = listener;
    this.card = start.card(dataName, provenance());
  }

  /** The file of a finished model that stands for it: its UNet's weights. */
  public static Path weights(Path folder) {
    return folder.resolve(FOLDER).resolve("unet").resolve("diffusion_pytorch_model.safetensors");
  }

  /**
   * Trains until the settings' updates are done.
   *
   * @param data latents of the autoencoder, with the captions of {@code start}
   * @param dataName what the model card calls the data
   * @param start tokenizer, network and first weights
   * @param autoencoder copied into the finished model
   * @param folder checkpoints and the folder {@value #FOLDER} (float32) go here
   * @param resume which checkpoint to go on from
   * @param stop asked after every update; true ends the run after a checkpoint
   * @return whether the teacher is finished
   */
  public static boolean run(
      Device device,
      Examples data,
      String dataName,
      TeacherStart start,
      CaptionedTeacherSettings settings,
      Component autoencoder,
      Path folder,
      Resume resume,
      RunListener listener,
      BooleanSupplier stop)
      throws IOException {
    CaptionedTeacherRun run =
        new CaptionedTeacherRun(
            device, data, dataName, start, settings, autoencoder, folder, listener);
    String fingerprint = PhaseRun.fingerprint(settings, data.identity()) + start.origin();
    return PhaseRun.begin(
        folder,
        settings.checkpointEvery(),
        fingerprint,
        Map.of(PHASE, 1),
        resume,
        listener,
        stop,
        run::train);
  }

  private boolean train(PhaseRun phases) throws IOException {
    RunSettings run = settings.run();
    if (phases.isDone(PHASE, 0, run.updates(), weights(folder))) {
      listener.note(folder.resolve(FOLDER) + ": is finished, nothing is left to do");
      return true;
    }
    ConditionedNetwork conditioned =
        start.open(device, card, Philox.childSeed(settings.seed(), WEIGHTS_STREAM));
    try (var _ = conditioned.network();
        Trainer trainer =
            new Trainer(
                conditioned,
                data,
                run.batch(),
                run.precision(),
                Philox.childSeed(settings.seed(), TRAINING_STREAM),
                run.optimizer(),
                (batch, draws) ->
                    new TeacherObjective(
                        batch,
                        draws,
                        run.weighting(),
                        settings.captionDropout(),
                        conditioned.without().orElseThrow()))) {
      return phases.run(
          PHASE,
          0,
          "teacher",
          null,
          conditioned.network(),
          trainer,
          run.schedule(),
          run.updates(),
          _ -> finish(trainer.optimizer().result()));
    }
  }

  private Path finish(ParameterSlab weights) throws IOException {
    List<Component> parts = new ArrayList<>(start.parts(weights, card));
    parts.add(autoencoder);
    Path tokenizer = start.tokenizerFiles(folder.resolve(TOKENIZER));
    Path model = folder.resolve(FOLDER);
    try (Checkpoint whole = Checkpoint.assemble(model, parts, start.scheduler(), tokenizer)) {
      FolderWriter.replace(whole, model, WriteOptions.same());
    }
    listener.saved(model);
    return weights(folder);
  }

  private Map<String, String> provenance() {
    RunSettings run = settings.run();
    Map<String, String> facts =
        new TreeMap<>(
            PhaseRun.provenance(run.updates(), run.batch(), data.count(), settings.seed()));
    facts.put("captions", Integer.toString(data.conditions()));
    facts.put("autoencoder", autoencoder.sha256());
    return facts;
  }
}
