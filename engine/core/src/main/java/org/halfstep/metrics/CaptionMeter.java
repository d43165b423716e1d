package org.halfstep.metrics;

import java.util.ArrayList;
import java.util.List;
import org.halfstep.image.ImageBatch;
import org.halfstep.latent.ClipModel;

/**
 * Compares images, as they come, with a caption each: image k with caption k. Source: specification
 * 6.6; Hessel et al. 2021.
 */
public final class CaptionMeter {
  private final ClipModel clip;
  private final List<String> captions;
  private final List<Double> cosines = new ArrayList<>();

  /**
   * @param clip stays the caller's
   * @param captions one for each image that will come, at least one
   */
  public CaptionMeter(ClipModel clip, List<String> captions) {
    this.clip = clip;
    this.captions = List.copyOf(captions);
    if (captions.isEmpty()) {
      throw new IllegalArgumentException("a CLIP score needs at least one caption");
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
    for (int i = 0; i < images.count(); i++) {
      double[] text = clip.text(captions.get(cosines.size()));
      cosines.add(ClipScore.cosine(clip.image(images, i), text));
    }
  }

  /** The score of the images so far, at least one. */
  public ClipScore score() {
    return ClipScore.of(cosines.stream().mapToDouble(Double::doubleValue).toArray());
  }
}
