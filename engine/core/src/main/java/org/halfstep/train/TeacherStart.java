package org.halfstep.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.halfstep.checkpoint.Component;
import org.halfstep.checkpoint.SchedulerConfig;
import org.halfstep.device.Device;
import org.halfstep.diffusion.Parameterization;
import org.halfstep.diffusion.TimeGrid;
import org.halfstep.graph.Graph;
import org.halfstep.graph.Weights;
import org.halfstep.model.ModelCard;

/**
 * What the training of a teacher of captioned latents begins with: how texts are read, a noise
 * schedule, the network, and its first weights.
 */
public sealed interface TeacherStart permits CaptionedTeacherStart, FrozenTextStart {
  /** The network that is trained. */
  Graph graph();

  /** Parameters of the UNet. */
  long parameters();

  /** Parameters of the text encoder. */
  long textParameters();

  /** Whether the text encoder is trained too. */
  boolean trainsText();

  /** Entries of the tokenizer. */
  int vocabulary();

  /** Tokens of a caption. */
  int tokens();

  /** How many captions are too long. */
  int cut();

  /** SHA-256 of the weights that are begun with; null for new ones. */
  String digest();

  /** What of it a fingerprint must say beside settings and data. */
  String origin();

  /** The noise schedule, and how the finished model is sampled. */
  SchedulerConfig scheduler();

  /** The network with its first weights; closed by the caller, through its network. */
  ConditionedNetwork open(Device device, ModelCard card, long seed) throws IOException;

  /**
   * Its networks, to be written.
   *
   * @param weights of what was trained
   */
  List<Component> parts(Weights weights, ModelCard card) throws IOException;

  /**
   * The folder of the tokenizer's files.
   *
   * @param free a folder that they may be written into
   */
  Path tokenizerFiles(Path free) throws IOException;

  /** The card of the model that comes of it. */
  default ModelCard card(String dataName, Map<String, String> provenance) {
    Map<String, String> facts = new TreeMap<>(provenance);
    if (digest() != null) {
      facts.put("from", digest());
    }
    return ModelCard.teacher(dataName, List.of(), facts)
        .withDiffusion(
            scheduler().betas(),
            Parameterization.V,
            new TimeGrid(TimeGrid.Spacing.TRAILING, 0, TimeGrid.End.CLEAN));
  }
}
