package org.halfstep.metrics;

import java.util.ArrayList;
import java.util.List;
import org.halfstep.image.ImageBatch;
import org.halfstep.latent.JointEmbedding;

/**
 * Compares images, as they come, with a caption each: image k with caption k. Source: specification
 * 6.6; Hessel et al. 2021.
 */
public final class CaptionMeter {
  private final JointEmbedding model;
  private final List<String> captions;
  private final List<Double> cosines = new ArrayList<>();
  private final CaptionRetrieval retrieval;

  /**
   * @param model stays the caller's
   * @param captions one for each image that will come, at least one
   */
  public CaptionMeter(JointEmbedding model, List<String> captions) {
    this.model = model;
    this.captions = List.copyOf(captions);
    this.retrieval = new CaptionRetrieval();
    if (captions.isEmpty()) {
      throw new IllegalArgumentException("a score of captions needs at least one");
    }
  }

  /**
   * Takes up images.
   *
   * @throws IllegalArgumentException when there are more than captions, or an embedding has no
   *     direction
   */
  public void add(ImageBatch images) {
    if (images.count() > captions.size() - cosines.size()) {
      throw new IllegalArgumentException(
          (cosines.size() + images.count())
              + " images, but "
              + captions.size()
              + " captions: expected one for each");
    }
    for (double[] image : model.images(images)) {
      String caption = captions.get(cosines.size());
      double[] text = model.text(caption);
      cosines.add(ClipScore.cosine(image, text));
      retrieval.add(caption, image, text);
    }
  }

  /** How often the right caption is found among others, of the images so far. */
  public CaptionRetrieval retrieval() {
    return retrieval;
  }

  /** The score of the images so far, at least one. */
  public ClipScore score() {
    return ClipScore.of(cosines.stream().mapToDouble(Double::doubleValue).toArray());
  }
}
