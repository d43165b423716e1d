package org.halfstep.sample;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Objects;

/** What the images of a request show: one entry for each image. */
public sealed interface Condition {
  /** Number of images. */
  int count();

  /**
   * The images from one (inclusive) to another (exclusive).
   *
   * @throws IndexOutOfBoundsException if there are fewer
   */
  Condition slice(int from, int to);

  /** Nothing, for a network that takes no condition. */
  static Condition none(int count) {
    return new None(count);
  }

  /** A class for each image. */
  static Condition labels(int... labels) {
    return new Labels(labels.clone());
  }

  /** A text for each image, guided away from the empty text. */
  static Condition prompts(String... prompts) {
    return prompts(Arrays.asList(prompts), "");
  }

  /** A text for each image, all of them guided away from another one. */
  static Condition prompts(List<String> prompts, String negative) {
    return new Prompts(prompts, Collections.nCopies(prompts.size(), negative));
  }

  /** Images of an unconditional network. */
  record None(int count) implements Condition {
    public None {
      requireImages(count);
    }

    @Override
    public Condition slice(int from, int to) {
      Objects.checkFromToIndex(from, to, count);
      return new None(to - from);
    }
  }

  /**
   * Images of classes.
   *
   * @param labels one class for each image; for an unconditional network only their number matters
   */
  record Labels(int[] labels) implements Condition {
    public Labels {
      requireImages(labels.length);
    }

    @Override
    public int count() {
      return labels.length;
    }

    @Override
    public Condition slice(int from, int to) {
      Objects.checkFromToIndex(from, to, labels.length);
      return new Labels(Arrays.copyOfRange(labels, from, to));
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof Labels those && Arrays.equals(labels, those.labels);
    }

    @Override
    public int hashCode() {
      return Arrays.hashCode(labels);
    }

    @Override
    public String toString() {
      return "Labels" + Arrays.toString(labels);
    }
  }

  /**
   * Images of texts.
   *
   * @param prompts one for each image
   * @param negatives what guidance leads each image away from; the empty text unless something else
   *     is wanted
   */
  record Prompts(List<String> prompts, List<String> negatives) implements Condition {
    /** Most characters of a text: far more than any encoder reads. */
    public static final int MOST_CHARACTERS = 100_000;

    public Prompts {
      if (prompts.stream().anyMatch(Objects::isNull)
          || negatives.stream().anyMatch(Objects::isNull)) {
        throw new IllegalArgumentException("a prompt is a text, \"\" for none; got null");
      }
      prompts = List.copyOf(prompts);
      negatives = List.copyOf(negatives);
      requireImages(prompts.size());
      if (negatives.size() != prompts.size()) {
        throw new IllegalArgumentException(
            prompts.size()
                + " prompts need as many negative prompts (\"\" for none), got "
                + negatives.size());
      }
      prompts.forEach(Prompts::requireLength);
      negatives.forEach(Prompts::requireLength);
    }

    private static void requireLength(String text) {
      if (text.length() > MOST_CHARACTERS) {
        throw new IllegalArgumentException(
            "a prompt has at most " + MOST_CHARACTERS + " characters, got " + text.length());
      }
    }

    @Override
    public int count() {
      return prompts.size();
    }

    @Override
    public Condition slice(int from, int to) {
      return new Prompts(prompts.subList(from, to), negatives.subList(from, to));
    }
  }

  private static void requireImages(int count) {
    if (count < 1) {
      throw new IllegalArgumentException("a request needs at least one image, got " + count);
    }
  }
}
