package org.halfstep.data;

import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.Function;
import org.halfstep.files.DataException;
import org.halfstep.files.TextFile;

/** Names of classes: their order, and what number a class has elsewhere. */
public final class ClassNames {
  private static final int SHOWN = 8;

  private ClassNames() {}

  /** Whether all names are numbers. */
  public static boolean areNumbers(List<String> names) {
    return !names.isEmpty() && names.stream().allMatch(name -> name.matches("[0-9]{1,9}"));
  }

  /** Things in the order of their names: as numbers where all are, else as texts. */
  static <T> List<T> ordered(List<T> things, Function<T, String> name) {
    Comparator<T> byText = Comparator.comparing(name);
    return areNumbers(things.stream().map(name).toList())
        ? things.stream()
            .sorted(
                Comparator.<T, BigInteger>comparing(thing -> new BigInteger(name.apply(thing)))
                    .thenComparing(byText))
            .toList()
        : things.stream().sorted(byText).toList();
  }

  /**
   * The number that each class has in another list.
   *
   * @param origin of {@code names}, for the error
   * @param known what the list belongs to, for the error
   * @throws DataException when the other list lacks one
   */
  static int[] numbers(Path origin, List<String> names, List<String> others, String known)
      throws DataException {
    Map<String, Integer> numbers = new HashMap<>();
    for (int i = 0; i < others.size(); i++) {
      numbers.putIfAbsent(others.get(i), i);
    }
    TreeSet<String> unknown = new TreeSet<>(names);
    unknown.removeAll(numbers.keySet());
    if (!unknown.isEmpty()) {
      throw new DataException(
          origin,
          "has "
              + (unknown.size() == 1 ? "a class" : unknown.size() + " classes")
              + " that "
              + known
              + " does not have: "
              + list(List.copyOf(unknown))
              + "; its classes are "
              + list(others));
    }
    return names.stream().mapToInt(numbers::get).toArray();
  }

  /** The first of some names, for people. */
  public static String list(List<String> names) {
    return String.join(", ", names.subList(0, Math.min(SHOWN, names.size())))
        + (names.size() > SHOWN ? ", ... (" + names.size() + ")" : "");
  }

  /** One name a line; blank lines do not count. */
  static List<String> read(Path path) throws IOException {
    List<String> names =
        TextFile.lines(path).stream().map(String::strip).filter(line -> !line.isEmpty()).toList();
    if (names.isEmpty()) {
      throw new DataException(path, 0, "expected one class name a line, found none");
    }
    return names;
  }
}
