package org.halfstep.cli.option;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.halfstep.cli.console.InputException;
import org.halfstep.data.ClassNames;
import org.halfstep.sample.DiffusionModel;

/** Classes as a person writes them: {@code all}, {@code 0,3-5}, {@code Sneaker,Coat}. */
public final class LabelList {
  private static final Pattern RANGE = Pattern.compile("\\s*(\\d{1,6})\\s*-\\s*(\\d{1,6})\\s*");

  private static final char QUOTE = '"';

  private LabelList() {}

  /**
   * The labels in the order written; every class of the model for {@code all}. A class's own name
   * comes before everything that it could mean as well, and one in double quotes means nothing
   * else. A range of classes whose names are numbers goes by the names.
   */
  public static int[] parse(String text, DiffusionModel model) {
    if (isName(text, model)) {
      return model.labels(text.strip());
    }
    List<Integer> labels = new ArrayList<>();
    for (String part : parts(text)) {
      add(part, model, labels);
    }
    if (labels.isEmpty()) {
      throw new InputException("--labels names no class");
    }
    return labels.stream().mapToInt(Integer::intValue).toArray();
  }

  private static boolean isName(String text, DiffusionModel model) {
    return model.classNames().contains(text.strip());
  }

  /** What stands between commas that are not inside double quotes. */
  private static List<String> parts(String text) {
    List<String> parts = new ArrayList<>();
    StringBuilder part = new StringBuilder();
    boolean quoted = false;
    for (char c : text.toCharArray()) {
      quoted ^= c == QUOTE;
      if (c == ',' && !quoted) {
        parts.add(part.toString().strip());
        part.setLength(0);
      } else {
        part.append(c);
      }
    }
    if (quoted) {
      throw new InputException("--labels " + text + ": a double quote is not closed");
    }
    parts.add(part.toString().strip());
    return parts;
  }

  private static void add(String part, DiffusionModel model, List<Integer> labels) {
    Matcher range = RANGE.matcher(part);
    if (isName(part, model)) {
      labels.add(model.labels(part)[0]);
    } else if (part.length() > 1
        && part.charAt(0) == QUOTE
        && part.charAt(part.length() - 1) == QUOTE) {
      String name = part.substring(1, part.length() - 1);
      int label = model.classNames().indexOf(name);
      if (label < 0) {
        throw new InputException(
            "--labels " + part + ": no class has exactly this name; see 'halfstep info --model'");
      }
      labels.add(label);
    } else if (part.equalsIgnoreCase("all")) {
      for (int i = 0; i < model.classes(); i++) {
        labels.add(i);
      }
    } else if (!range.matches()) {
      labels.add(model.labels(part)[0]);
    } else {
      addRange(part, range, model, labels);
    }
  }

  private static void addRange(
      String part, Matcher range, DiffusionModel model, List<Integer> labels) {
    int first = Integer.parseInt(range.group(1));
    int last = Integer.parseInt(range.group(2));
    if (last < first) {
      throw new InputException("--labels " + part + ": a range runs upwards");
    }
    // Both ends must be there.
    model.labels(range.group(1), range.group(2));
    if (!ClassNames.areNumbers(model.classNames())) {
      for (int label = first; label <= last; label++) {
        labels.add(label);
      }
      return;
    }
    IntStream.range(0, model.classNames().size())
        .filter(label -> number(model, label) >= first && number(model, label) <= last)
        .boxed()
        .sorted(Comparator.comparingInt(label -> number(model, label)))
        .forEach(labels::add);
  }

  private static int number(DiffusionModel model, int label) {
    return Integer.parseInt(model.classNames().get(label));
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
