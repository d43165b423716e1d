package org.halfstep.sample;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.halfstep.data.ClassNames;
import org.halfstep.files.Printable;

/**
 * Labels by class name or number.
 *
 * @param names of the classes, in the order of their labels; empty where the model names none
 * @param classes how many there are
 */
record ClassLabels(List<String> names, int classes) {
  /**
   * A label.
   *
   * @throws IllegalArgumentException when the name is unknown or means several classes; names the
   *     classes
   */
  int of(String name) {
    String wanted = name.strip();
    int exact = names.indexOf(name);
    exact = exact < 0 ? names.indexOf(wanted) : exact;
    if (exact >= 0) {
      return exact;
    }
    // Where classes are called by numbers, a number is a name and nothing else.
    if (wanted.matches("\\d{1,9}") && !ClassNames.areNumbers(names)) {
      int number = Integer.parseInt(wanted);
      if (number < classes) {
        return number;
      }
      throw unknown(name);
    }
    List<Integer> same = new ArrayList<>();
    List<Integer> longer = new ArrayList<>();
    for (int i = 0; i < names.size(); i++) {
      String known = fold(names.get(i));
      if (known.equals(fold(wanted))) {
        same.add(i);
      } else if (!wanted.isEmpty() && known.startsWith(fold(wanted))) {
        longer.add(i);
      }
    }
    if (same.size() == 1) {
      return same.getFirst();
    }
    if (same.isEmpty() && longer.size() == 1 && !ClassNames.areNumbers(names)) {
      return longer.getFirst();
    }
    throw unknown(name);
  }

  private IllegalArgumentException unknown(String name) {
    return new IllegalArgumentException(
        "\"" + Printable.line(name) + "\" is not a class of this model; " + describe());
  }

  private String describe() {
    String numbers = "its labels are 0 to " + (classes - 1);
    return names.isEmpty()
        ? numbers
        : (ClassNames.areNumbers(names) ? "its classes are " : numbers + " or ")
            + String.join(", ", names);
  }

  private static String fold(String name) {
    return name.strip().toLowerCase(Locale.ROOT);
  }
}
