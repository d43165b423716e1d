package org.halfstep.sample;

import java.util.List;
import java.util.stream.IntStream;

/**
 * What the UNet of a latent model is measured on before it is brought to int8: pictures that it
 * makes itself in {@value #STEPS} guided steps, or others of the same number and size.
 *
 * @param images how many pictures, each of which is noised to eight levels
 * @param seed of the pictures, and of the noise
 * @param prompts taken in turn; empty for {@link #PROMPTS}. A model of classes takes classes that
 *     lie evenly over all of its own
 * @param negative what guidance leads away from
 * @param height of a picture in pixels; 0 for the model's own
 * @param width of a picture in pixels; 0 for the model's own
 */
public record LatentCalibration(
    int images, long seed, List<String> prompts, String negative, int height, int width) {
  /** Pictures unless asked otherwise: each has thousands of pixels for every layer. */
  public static final int DEFAULT_IMAGES = 8;

  /** Most pictures: hours, for a large network. */
  public static final int MOST_IMAGES = 1024;

  /** Sampler steps of the pictures that a model makes itself. */
  static final int STEPS = 8;

  /** Things of all kinds, near and far, drawn and photographed. */
  static final List<String> PROMPTS =
      List.of(
          "a photograph of a fox in the snow",
          "an oil painting of a harbour at sunset",
          "the face of an old man, black and white photograph",
          "a bowl of fruit on a wooden table",
          "a street in a large city at night, neon signs",
          "a watercolour of mountains above a lake",
          "a plain white cup",
          "a crowd of people in colourful clothes, drawn by a child");

  public LatentCalibration {
    prompts = List.copyOf(prompts);
    if (images < 1 || images > MOST_IMAGES) {
      throw new IllegalArgumentException(
          "calibration takes from 1 to " + MOST_IMAGES + " pictures, got " + images);
    }
  }

  /** {@value #DEFAULT_IMAGES} pictures that the model makes itself, in its own size. */
  public static LatentCalibration standard() {
    return new LatentCalibration(DEFAULT_IMAGES, 0, List.of(), "", 0, 0);
  }

  /** The same with another number of pictures. */
  public LatentCalibration withImages(int number) {
    return new LatentCalibration(number, seed, prompts, negative, height, width);
  }

  /** The same with other noise. */
  public LatentCalibration withSeed(long newSeed) {
    return new LatentCalibration(images, newSeed, prompts, negative, height, width);
  }

  /** The same with other texts; an empty list for the usual ones. */
  public LatentCalibration withPrompts(List<String> texts, String without) {
    return new LatentCalibration(images, seed, texts, without, height, width);
  }

  /** The same in another size, in pixels. */
  public LatentCalibration withSize(int newHeight, int newWidth) {
    return new LatentCalibration(images, seed, prompts, negative, newHeight, newWidth);
  }

  /** The text of each picture. */
  List<String> texts() {
    List<String> inTurn = prompts.isEmpty() ? PROMPTS : prompts;
    return IntStream.range(0, images).mapToObj(image -> inTurn.get(image % inTurn.size())).toList();
  }
}
