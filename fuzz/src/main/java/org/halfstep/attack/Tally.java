package org.halfstep.attack;

import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** What was tried in one part of an attack, and what did not hold. */
final class Tally {
  private static final int LONGEST = 1500;

  /** A call of the library that must fail. */
  interface Call {
    void run() throws Exception;
  }

  private final String part;
  private final String expected;
  private final PrintStream out;
  private final List<String> failures = new ArrayList<>();
  private int tried;
  private String note = "";

  /**
   * @param part its name in the table
   * @param expected what holds when nothing is wrong
   * @param out told each failure as it is found
   */
  Tally(String part, String expected, PrintStream out) {
    this.part = part;
    this.expected = expected;
    this.out = out;
  }

  /** Counts one attempt; a problem is a failure. */
  void add(String what, Optional<String> problem) {
    tried++;
    problem.ifPresent(
        text -> {
          failures.add(what + ": " + text);
          out.println("FAILURE " + part + ": " + what + ": " + text);
        });
  }

  /** Makes a call that must fail with an exception whose message is one line. */
  void refuse(String what, Call call) {
    try {
      call.run();
      add(what, Optional.of("was accepted"));
    } catch (Exception refused) {
      String text = refused.getMessage();
      boolean said = text != null && text.length() < LONGEST && text.lines().count() == 1;
      add(what, said ? Optional.empty() : Optional.of(refused.toString()));
    } catch (Error broken) {
      add(what, Optional.of(broken.toString()));
    }
  }

  /** Something to know beside the numbers. */
  void note(String text) {
    note = note.isEmpty() ? text : note + "; " + text;
  }

  int tried() {
    return tried;
  }

  boolean held() {
    return failures.isEmpty();
  }

  /** A row of the table. */
  String row() {
    return "| "
        + String.join(
            " | ",
            part,
            Integer.toString(tried),
            expected,
            Integer.toString(tried - failures.size()),
            failures.isEmpty() ? note.isEmpty() ? "–" : note : details())
        + " |";
  }

  private String details() {
    String text = failures.size() + " not: " + String.join("; ", failures);
    return (note.isEmpty() ? text : text + "; " + note).replace("|", "\\|");
  }
}
