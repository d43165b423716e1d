package org.halfstep.sample;

import org.halfstep.checkpoint.UNetDescription;

/** What latent networks can be asked to show. */
final class LatentConditions {
  private LatentConditions() {}

  /**
   * Fails where a network takes no such condition.
   *
   * @throws IllegalArgumentException in one line that says what it takes
   */
  static void require(UNetDescription network, SampleRequest request) {
    boolean hasClasses = network.classRows() > 0;
    if (request.clip()) {
      throw new IllegalArgumentException(
          "latents have no range to be clipped to: leave out clipping");
    }
    switch (request.condition()) {
      case Condition.Prompts prompts -> {
        if (hasClasses) {
          throw new IllegalArgumentException(
              "this network makes images of classes and takes no prompts");
        }
        if (network.guidanceWidth() > 0
            && prompts.negatives().stream().anyMatch(text -> !text.isEmpty())) {
          throw new IllegalArgumentException(
              "this network was distilled with the empty prompt as what guidance leads away from:"
                  + " it takes no negative prompt");
        }
      }
      case Condition.Labels classes -> {
        if (!hasClasses) {
          throw new IllegalArgumentException("this network makes images of prompts, not of labels");
        }
        int last = network.classRows() - 1;
        for (int label : classes.labels()) {
          if (label < 0 || label > last) {
            throw new IllegalArgumentException(
                "labels run from 0 to "
                    + (last - 1)
                    + ", and "
                    + last
                    + " stands for none; got "
                    + label);
          }
        }
      }
      case Condition.None none ->
          throw new IllegalArgumentException(
              "this network makes images of "
                  + (hasClasses ? "classes: give labels" : "prompts: give one")
                  + " for each of "
                  + none.count()
                  + " images");
    }
  }
}
