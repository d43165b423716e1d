package org.halfstep.cli.option;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.halfstep.cli.console.InputException;
import org.halfstep.sample.DiffusionModel;

/** Classes as a person writes them: {@code all}, {@code 0,3-5}, {@code Sneaker,Coat}. */
public final class LabelList {
  private static final Pattern RANGE = Pattern.compile("\\s*(\\d{1,6})\\s*-\\s*(\\d{1,6})\\s*");

  private LabelList() {}

  /** The labels in the order written; every class of the model for {@code all}. */
  public static int[] parse(String text, DiffusionModel model) {
    if (text.strip().equalsIgnoreCase("all")) {
      int[] every = new int[model.classes()];
      for (int i = 0; i < every.length; i++) {
        every[i] = i;
      }
      return every;
    }
    List<Integer> labels = new ArrayList<>();
    for (String part : text.split(",")) {
      Matcher range = RANGE.matcher(part);
      if (!range.matches()) {
        labels.add(model.labels(part)[0]);
        continue;
      }
      int first = model.labels(range.group(1))[0];
      int last = model.labels(range.group(2))[0];
      if (last < first) {
        throw new InputException("--labels " + part.strip() + ": a range runs upwards");
      }
      for (int label = first; label <= last; label++) {
        labels.add(label);
      }
    }
    if (labels.isEmpty()) {
      throw new InputException("--labels names no class");
    }
    return labels.stream().mapToInt(Integer::intValue).toArray();
  }

  /** Labels of {@code count} images that take the chosen ones in turn. */
  public static int[] inTurn(int[] chosen, int count) {
    int[] labels = new int[count];
    for (int i = 0; i < count; i++) {
      labels[i] = chosen[i % chosen.length];
    }
    return labels;
  }

  /** The name of a class, or its number where the model names none. */
  public static String name(DiffusionModel model, int label) {
    return label < model.classNames().size()
        ? model.classNames().get(label)
        : Integer.toString(label);
  }
}
