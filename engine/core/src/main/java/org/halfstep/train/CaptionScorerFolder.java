package org.halfstep.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.halfstep.checkpoint.Checkpoint;
import org.halfstep.checkpoint.CheckpointOptions;
import org.halfstep.checkpoint.Component;
import org.halfstep.checkpoint.FolderWriter;
import org.halfstep.checkpoint.Part;
import org.halfstep.checkpoint.TextEncoderDescription;
import org.halfstep.checkpoint.WriteOptions;
import org.halfstep.device.Device;
import org.halfstep.device.Owned;
import org.halfstep.files.DataException;
import org.halfstep.files.FileDigest;
import org.halfstep.latent.TextEncoder;
import org.halfstep.latent.TextEncoderOptions;
import org.halfstep.latent.TextVectors;
import org.halfstep.model.CaptionScorerConfig;
import org.halfstep.model.ComponentCard;
import org.halfstep.model.Network;
import org.halfstep.text.Tokenizer;

/**
 * The folder of a caption scorer: its own file, and a copy of the text encoder, with its tokenizer,
 * that it was trained against.
 */
public final class CaptionScorerFolder {
  /** Name of the scorer's own file, without which the folder means nothing. */
  public static final String FILE = "scorer.safetensors";

  private static final String TEXT_ENCODER = "text_encoder";
  private static final String TOKENIZER = "tokenizer";

  /** What a card calls the SHA-256 of the text encoder's parameters. */
  private static final String TEXT = "text encoder";

  private CaptionScorerFolder() {}

  /** What a card says of the text encoder. */
  static String textEntry() {
    return TEXT;
  }

  /**
   * Writes text encoder and tokenizer, in place of those that the same run wrote before.
   *
   * @param model has both
   */
  static void writeText(Checkpoint model, Component text, Path folder) throws IOException {
    FolderWriter.writeTokenizer(model, folder.resolve(TOKENIZER));
    Path target = folder.resolve(TEXT_ENCODER);
    try (Checkpoint checkpoint = Checkpoint.assemble(target, List.of(text), null, null)) {
      FolderWriter.replace(checkpoint, target, WriteOptions.same());
    }
  }

  /**
   * An open scorer.
   *
   * @param sha256 of the scorer's own file, whose card has that of the text encoder
   * @param owned the text encoder; the network is not among it
   */
  public record Opened(
      Network<CaptionScorerConfig, ComponentCard> network,
      TextVectors vectors,
      String sha256,
      Owned owned) {}

  /**
   * Opens a scorer.
   *
   * @param device stays the caller's
   * @throws IOException in one line that names the file and what is wrong with it
   */
  public static Opened open(Device device, Path folder) throws IOException {
    Path file = folder.resolve(FILE);
    String sha256 = FileDigest.sha256(file);
    Network<CaptionScorerConfig, ComponentCard> network =
        Network.load(device, CaptionScorerConfig.FORMAT, file);
    Owned owned = new Owned();
    try {
      TextVectors vectors = openText(device, folder, network.card(), owned);
      int wanted = network.architecture().text();
      if (vectors.width() != wanted) {
        throw new DataException(
            file,
            "takes texts' vectors of "
                + wanted
                + " numbers, its text encoder's have "
                + vectors.width());
      }
      return new Opened(network, vectors, sha256, owned);
    } catch (IOException | RuntimeException failure) {
      network.close();
      owned.close();
      throw failure;
    }
  }

  private static TextVectors openText(Device device, Path folder, ComponentCard card, Owned owned)
      throws IOException {
    Path text = folder.resolve(TEXT_ENCODER);
    Checkpoint checkpoint = owned.add(Checkpoint.open(text, CheckpointOptions.standard()));
    Component component =
        checkpoint
            .component(Part.TEXT_ENCODER)
            .orElseThrow(() -> new DataException(text, "holds no text encoder"));
    if (!component.sha256().equals(card.provenance().get(TEXT))) {
      throw new DataException(
          text,
          "is not the text encoder that "
              + FILE
              + " beside it was trained against: copy the whole folder of the scorer");
    }
    TextEncoderDescription kind = (TextEncoderDescription) component.network();
    Tokenizer tokenizer = kind.openTokenizer(folder.resolve(TOKENIZER));
    TextEncoderOptions options = TextEncoderOptions.standard();
    return owned.add(
        new TextVectors(owned.add(TextEncoder.open(device, component, tokenizer, options))));
  }
}
