package org.halfstep.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.halfstep.cli.console.Sizes;
import org.halfstep.cli.option.DataOption;
import org.halfstep.data.CaptionedPictures;
import org.halfstep.data.Datasets;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.Device;
import org.halfstep.metrics.CaptionMeter;
import org.halfstep.metrics.CaptionScorer;
import org.halfstep.random.Permutation;

/** How often a trained caption scorer finds the right caption of held-out pictures. */
final class CaptionScorerEvaluation {
  /** The order in which pictures are put into groups. */
  private static final long SEED = 0;

  private final Device device;
  private final DataOption data;
  private final Path folder;
  private final PrintWriter out;

  /**
   * @param folder of the scorer
   */
  CaptionScorerEvaluation(Device device, DataOption data, Path folder, PrintWriter out) {
    this.device = device;
    this.data = data;
    this.folder = folder;
    this.out = out;
  }

  /** Prints a line for each split that is not learned from. */
  void run() throws IOException {
    if (!data.hasCaptions() || !Datasets.hasSplits(data.folder())) {
      out.println(
          data.folder() + ": has no pictures that are not learned from, so nothing is compared");
      out.flush();
      return;
    }
    CaptionedPictures held = CaptionedPictures.heldOut(data.folder());
    try (CaptionScorer scorer = CaptionScorer.open(device, folder);
        ImageDataset images =
            data.open(held, scorer.config().imageSize(), scorer.config().channels())) {
      Map<String, List<Integer>> splits = new TreeMap<>();
      Permutation order = new Permutation(SEED, 0, held.count());
      for (int i = 0; i < held.count(); i++) {
        int index = (int) order.at(i);
        splits.computeIfAbsent(held.picture(index).split(), _ -> new ArrayList<>()).add(index);
      }
      splits.forEach((split, indexes) -> compare(scorer, held, images, split, indexes));
      out.println("caption scorer " + scorer.sha256());
      out.flush();
    }
  }

  private void compare(
      CaptionScorer scorer,
      CaptionedPictures held,
      ImageDataset images,
      String split,
      List<Integer> indexes) {
    List<String> captions =
        indexes.stream().map(index -> held.texts().all().get(held.texts().own(index))).toList();
    CaptionMeter meter = new CaptionMeter(scorer, captions);
    for (int done = 0; done < indexes.size(); done += scorer.batch()) {
      int end = Math.min(indexes.size(), done + scorer.batch());
      meter.add(
          images.batch(indexes.subList(done, end).stream().mapToInt(Integer::intValue).toArray()));
    }
    out.printf(
        Locale.ROOT,
        "%s: the right caption among %d is found for %.1f %% of %s pictures; mean cosine %.4f%n",
        split,
        meter.retrieval().among(),
        100 * meter.retrieval().accuracy(),
        Sizes.whole(indexes.size()),
        meter.score().cosine());
  }
}
