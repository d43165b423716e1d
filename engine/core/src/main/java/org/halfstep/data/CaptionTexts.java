package org.halfstep.data;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.halfstep.random.Philox;

/**
 * Every text that pictures may be called by, once each, so that texts can be encoded ahead; and the
 * draw of one for an example, a function of (seed, example number) alone. Drawing allocates nothing
 * and may be done by several threads.
 */
public final class CaptionTexts {
  /** Draw number of an example's caption: beside those of noise, dropout, time and label. */
  public static final int DRAW = 16;

  private static final int TEMPLATE_PAIR = 0;
  private static final int CHOICE_PAIR = 1;

  private final List<String> texts;

  /** For each picture and each template that applies to it the numbers of its texts. */
  private final int[][][] numbers;

  /** For each picture the number of its first own caption. */
  private final int[] own;

  CaptionTexts(List<CaptionedPicture> pictures, List<CaptionTemplate> templates) {
    CaptionTemplate plain = new CaptionTemplate("{" + CaptionedPicture.CAPTION + "}");
    Map<String, Integer> known = new LinkedHashMap<>();
    numbers = new int[pictures.size()][][];
    own = new int[pictures.size()];
    for (int i = 0; i < numbers.length; i++) {
      CaptionedPicture picture = pictures.get(i);
      List<int[]> applying = new ArrayList<>();
      for (CaptionTemplate template : templates) {
        add(applying, template, picture, known);
      }
      if (applying.isEmpty()) {
        add(applying, plain, picture, known);
      }
      numbers[i] = applying.toArray(int[][]::new);
      own[i] = number(picture.captions().getFirst(), known);
    }
    texts = List.copyOf(known.keySet());
  }

  private static void add(
      List<int[]> applying,
      CaptionTemplate template,
      CaptionedPicture picture,
      Map<String, Integer> known) {
    int[] choices =
        template.captions(picture).stream().mapToInt(text -> number(text, known)).toArray();
    if (choices.length > 0) {
      applying.add(choices);
    }
  }

  private static int number(String text, Map<String, Integer> known) {
    Integer number = known.putIfAbsent(text, known.size());
    return number == null ? known.size() - 1 : number;
  }

  /** All texts; a number of this class is an index into this list. */
  public List<String> all() {
    return texts;
  }

  /** Number of the picture's own caption, which does not depend on templates: for measuring. */
  public int own(int picture) {
    return own[picture];
  }

  /** Numbers of the texts of each template, as text: tells two draws apart. */
  String numbersOf(int picture) {
    return Arrays.deepToString(numbers[picture]);
  }

  /**
   * Number of the text that a picture is called by in an example: any template that applies to it,
   * any of the texts that this makes.
   *
   * @param picture its index
   * @param seed of the run
   * @param example number within the run
   */
  public int draw(int picture, long seed, long example) {
    int[][] applying = numbers[picture];
    int[] choices = applying[Philox.bounded(seed, example, DRAW, TEMPLATE_PAIR, applying.length)];
    return choices[Philox.bounded(seed, example, DRAW, CHOICE_PAIR, choices.length)];
  }
}
