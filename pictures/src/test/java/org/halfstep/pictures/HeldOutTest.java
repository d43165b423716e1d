package org.halfstep.pictures;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

class HeldOutTest {
  private static final List<String> STYLES = List.of("a", "b", "c", "d", "e");

  /** Concept k is in styles 0 .. k % 5, each twice, as of two skin tones. */
  private static List<Picture> pictures(int concepts) {
    List<Picture> pictures = new ArrayList<>();
    for (int k = 0; k < concepts; k++) {
      for (String style : STYLES.subList(0, 1 + k % 5)) {
        for (String tone : List.of("", "-dark")) {
          pictures.add(
              new Picture(
                  style,
                  k + tone,
                  "",
                  "" + k,
                  "thing " + k,
                  List.of(),
                  "",
                  1,
                  new Source.Icon("")));
        }
      }
    }
    return pictures;
  }

  private static Map<String, String> splits(List<Picture> pictures, HeldOut heldOut) {
    Map<String, String> splits = new HashMap<>();
    pictures.forEach(
        picture -> splits.put(picture.style() + "/" + picture.key(), heldOut.split(picture)));
    return splits;
  }

  @Test
  void doesNotDependOnTheOrder() {
    List<Picture> pictures = pictures(500);
    Map<String, String> splits = splits(pictures, new HeldOut(pictures, 20, 0.05, 0));
    List<Picture> shuffled = new ArrayList<>(pictures);
    Collections.shuffle(shuffled, new Random(1));
    assertEquals(splits, splits(pictures, new HeldOut(shuffled, 20, 0.05, 0)));
    assertNotEquals(splits, splits(pictures, new HeldOut(pictures, 20, 0.05, 1)));
  }

  @Test
  void wholeConceptsAreHeldOutInAllStylesAndSkinTones() {
    List<Picture> pictures = pictures(500);
    HeldOut heldOut = new HeldOut(pictures, 20, 0.05, 0);
    Set<String> out = new HashSet<>();
    Set<String> rest = new HashSet<>();
    for (Picture picture : pictures) {
      (heldOut.split(picture).equals(HeldOut.CONCEPT) ? out : rest).add(picture.concept());
    }
    assertEquals(20, out.size());
    assertTrue(Collections.disjoint(out, rest));
  }

  @Test
  void aPairHasTwoOtherStylesToLearnFrom() {
    List<Picture> pictures = pictures(2000);
    HeldOut heldOut = new HeldOut(pictures, 0, 0.3, 0);
    Map<String, Set<String>> learned = new HashMap<>();
    Set<String> pairs = new HashSet<>();
    Set<String> eligible = new HashSet<>();
    for (Picture picture : pictures) {
      String pair = picture.concept() + "/" + picture.style();
      if (Integer.parseInt(picture.concept()) % 5 >= 2) {
        eligible.add(pair);
      }
      if (heldOut.split(picture).equals(HeldOut.PAIR)) {
        pairs.add(pair);
      } else {
        learned.computeIfAbsent(picture.concept(), _ -> new HashSet<>()).add(picture.style());
      }
    }
    for (String pair : pairs) {
      assertTrue(learned.get(pair.split("/")[0]).size() >= 2, pair);
    }
    for (Picture picture : pictures) {
      if (pairs.contains(picture.concept() + "/" + picture.style())) {
        assertEquals(HeldOut.PAIR, heldOut.split(picture), "all skin tones of " + picture);
      }
    }
    // Somewhat less than the fraction, because two styles stay.
    double part = (double) pairs.size() / eligible.size();
    assertTrue(part > 0.2 && part < 0.3, "" + part);
  }

  /** Written down once: another machine, or a later version, holds out the same. */
  @Test
  void theChoiceIsFixed() {
    List<Picture> pictures = pictures(40);
    HeldOut heldOut = new HeldOut(pictures, 3, 0.1, 0);
    List<String> out =
        pictures.stream()
            .filter(picture -> heldOut.split(picture).equals(HeldOut.CONCEPT))
            .map(Picture::concept)
            .distinct()
            .toList();
    assertEquals(List.of("3", "4", "14"), out);
  }
}
