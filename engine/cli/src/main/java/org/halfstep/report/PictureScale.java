package org.halfstep.report;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import org.halfstep.metrics.CaptionScorer;
import org.halfstep.metrics.ReferenceImages;

/**
 * What all numbers of a report of pictures are measured against: only those of one scale can be
 * compared.
 *
 * @param heldOut held-out pictures, what captions and one reference come from
 * @param training training pictures, equally many
 * @param references pictures of each reference
 * @param scorer the caption scorer's name
 * @param scorerSha256 of its weights
 */
@JsonIgnoreProperties(ignoreUnknown = true)
public record PictureScale(
    String heldOut, String training, long references, String scorer, String scorerSha256) {
  static PictureScale of(ReferenceImages heldOut, ReferenceImages training, CaptionScorer scorer) {
    return new PictureScale(
        heldOut.name(), training.name(), heldOut.images(), scorer.name(), scorer.sha256());
  }
}
