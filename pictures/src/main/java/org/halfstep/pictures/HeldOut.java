package org.halfstep.pictures;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * What is not learned from: whole concepts, and concepts in one of their styles. A concept or pair
 * is chosen by a digest of its name, so the choice depends neither on the order of the pictures nor
 * on the machine, and a set more or less changes it little.
 */
final class HeldOut {
  static final String TRAIN = "train";
  static final String PAIR = "held-out-pair";
  static final String CONCEPT = "held-out-concept";

  /** Styles that a concept must have to be held out, or keep beside one that is held out. */
  private static final int OTHER_STYLES = 2;

  private final Set<String> concepts = new HashSet<>();
  private final Map<String, Set<String>> pairs = new HashMap<>();

  /**
   * Chooses.
   *
   * @param pictures all that there are
   * @param wholeConcepts number of concepts that are held out
   * @param pairFraction part of the pairs of concept and style that are held out, of those whose
   *     concept has at least two other styles to learn from
   * @param seed of the choice
   */
  HeldOut(List<Picture> pictures, int wholeConcepts, double pairFraction, long seed) {
    Map<String, Set<String>> styles = new TreeMap<>();
    for (Picture picture : pictures) {
      styles.computeIfAbsent(picture.concept(), _ -> new TreeSet<>()).add(picture.style());
    }
    styles.values().removeIf(found -> found.size() <= OTHER_STYLES);
    List<String> order = new ArrayList<>(styles.keySet());
    order.sort(Comparator.comparingDouble(concept -> fraction(seed, concept, "")));
    order.stream().limit(wholeConcepts).forEach(concepts::add);
    styles.forEach(
        (concept, found) -> {
          if (!concepts.contains(concept)) {
            choosePairs(concept, found, pairFraction, seed);
          }
        });
  }

  private void choosePairs(String concept, Set<String> found, double fraction, long seed) {
    Set<String> chosen = new TreeSet<>();
    for (String style : found) {
      if (found.size() - chosen.size() > OTHER_STYLES
          && fraction(seed, concept, style) < fraction) {
        chosen.add(style);
      }
    }
    pairs.put(concept, chosen);
  }

  /** A number in [0, 1) that is a digest of some words. */
  private static double fraction(long seed, String concept, String style) {
    try {
      byte[] digest =
          MessageDigest.getInstance("SHA-256")
              .digest((seed + "\0" + concept + "\0" + style).getBytes(StandardCharsets.UTF_8));
      return (ByteBuffer.wrap(digest).getLong() >>> 11) * 0x1p-53;
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  /** What a picture is for. */
  String split(Picture picture) {
    if (concepts.contains(picture.concept())) {
      return CONCEPT;
    }
    return pairs.getOrDefault(picture.concept(), Set.of()).contains(picture.style()) ? PAIR : TRAIN;
  }
}
