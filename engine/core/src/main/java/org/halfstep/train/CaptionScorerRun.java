package org.halfstep.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import org.halfstep.checkpoint.Checkpoint;
import org.halfstep.checkpoint.Component;
import org.halfstep.checkpoint.Part;
import org.halfstep.device.Device;
import org.halfstep.diffusion.LearningRate;
import org.halfstep.files.DataException;
import org.halfstep.latent.TextEncoder;
import org.halfstep.latent.TextEncoderOptions;
import org.halfstep.latent.TextVectors;
import org.halfstep.model.CaptionScorerConfig;
import org.halfstep.model.ComponentCard;
import org.halfstep.model.Network;
import org.halfstep.random.Philox;
import org.halfstep.safetensors.Dtype;
import org.halfstep.text.TokenTable;
import org.halfstep.text.Tokenizer;

/**
 * Trains a caption scorer against a text encoder that does not change, from its newest checkpoint
 * on. What comes out is a folder with a copy of the text encoder ({@link CaptionScorerFolder}).
 */
public final class CaptionScorerRun {
  private static final String PHASE = "caption scorer";
  private static final long WEIGHTS_STREAM = 0;
  private static final long TRAINING_STREAM = 1;

  private CaptionScorerRun() {}

  /**
   * Trains until the settings' updates are done.
   *
   * @param examples pictures with captions
   * @param dataName what the scorer's card calls the data
   * @param model whose text encoder and tokenizer read captions, of CLIP's kind or BERT's; stays
   *     the caller's, and open as long as this runs
   * @param folder checkpoints and the finished scorer (bfloat16) go here
   * @param resume which checkpoint to continue from
   * @param stop asked after every update; true ends the run after a checkpoint
   * @return whether the scorer is finished
   * @throws IllegalArgumentException in one line, when data, text encoder and settings do not fit
   */
  public static boolean run(
      Device device,
      CaptionedImages examples,
      String dataName,
      CaptionScorerSettings settings,
      Checkpoint model,
      Path folder,
      Resume resume,
      RunListener listener,
      BooleanSupplier stop)
      throws IOException {
    Component text =
        model.component(Part.TEXT_ENCODER).orElseThrow(() -> lacks(model, "text encoder"));
    Tokenizer tokenizer = model.openTokenizer().orElseThrow(() -> lacks(model, "tokenizer"));
    try (TextEncoder encoder =
            TextEncoder.open(device, text, tokenizer, TextEncoderOptions.standard());
        TextVectors vectors = new TextVectors(encoder)) {
      TokenTable tokens =
          TokenTable.of(tokenizer, examples.pictures().texts().all(), encoder.tokens());
      CaptionScorerConfig config = settings.network().network(vectors.width());
      Path file = folder.resolve(CaptionScorerFolder.FILE);
      return PhaseRun.begin(
          folder,
          settings.checkpointEvery(),
          PhaseRun.fingerprint(settings, examples.identity())
              + ", told as "
              + tokens.sha256()
              + " by "
              + text.sha256(),
          Map.of(PHASE, 1),
          resume,
          listener,
          stop,
          phases -> {
            if (phases.isDone(PHASE, 0, settings.updates(), file)) {
              listener.note(file + ": is finished; there is nothing left to do");
              return true;
            }
            ComponentCard card = card(examples, dataName, settings, text);
            try (Network<CaptionScorerConfig, ComponentCard> scorer =
                    fresh(device, config, card, settings, vectors, examples);
                CaptionScorerTrainer trainer =
                    new CaptionScorerTrainer(
                        scorer,
                        examples,
                        vectors,
                        settings,
                        Philox.childSeed(settings.seed(), TRAINING_STREAM))) {
              return phases.run(
                  PHASE,
                  0,
                  PHASE,
                  null,
                  scorer,
                  trainer,
                  new LearningRate.LinearToZero(
                      settings.learningRate(), settings.updates(), settings.warmUp()),
                  settings.updates(),
                  _ -> {
                    CaptionScorerFolder.writeText(model, text, folder);
                    scorer.save(file, card, Dtype.BF16, trainer.optimizer().result());
                    listener.saved(file);
                    return file;
                  });
            }
          });
    }
  }

  private static Network<CaptionScorerConfig, ComponentCard> fresh(
      Device device,
      CaptionScorerConfig config,
      ComponentCard card,
      CaptionScorerSettings settings,
      TextVectors vectors,
      CaptionedImages examples) {
    Network<CaptionScorerConfig, ComponentCard> scorer =
        Network.fresh(device, config, card, Philox.childSeed(settings.seed(), WEIGHTS_STREAM));
    try {
      CaptionVectors.centre(scorer, vectors, examples.pictures().texts().all());
      return scorer;
    } catch (RuntimeException | Error failure) {
      scorer.close();
      throw failure;
    }
  }

  private static DataException lacks(Checkpoint model, String what) {
    return new DataException(model.path(), "has no " + what + ": expected a model of texts");
  }

  private static ComponentCard card(
      CaptionedImages examples, String dataName, CaptionScorerSettings settings, Component text) {
    Map<String, String> facts =
        new TreeMap<>(
            PhaseRun.provenance(
                settings.updates(), settings.batch(), examples.count(), settings.seed()));
    facts.put(CaptionScorerFolder.textEntry(), text.sha256());
    return new ComponentCard(dataName + " caption scorer", facts);
  }
}
