package org.halfstep.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Arrays;

/** Commands as a person types them, run in this process. */
final class Commands {
  /** What a command wrote and returned. */
  record Outcome(int code, String out, String err) {}

  private Commands() {}

  static Outcome halfstep(Object... arguments) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    String[] text = Arrays.stream(arguments).map(Object::toString).toArray(String[]::new);
    int code = Halfstep.run(new PrintWriter(out), new PrintWriter(err), text);
    return new Outcome(code, out.toString(), err.toString());
  }

  static String succeeds(Object... arguments) {
    Outcome outcome = halfstep(arguments);
    assertEquals(0, outcome.code(), outcome.err());
    assertEquals("", outcome.err());
    return outcome.out();
  }

  /** The command ends with code 2 and one line, which is returned. */
  static String refused(Object... arguments) {
    Outcome outcome = halfstep(arguments);
    assertEquals(2, outcome.code(), outcome.err());
    assertEquals(1, outcome.err().lines().count(), outcome.err());
    assertTrue(outcome.err().startsWith("halfstep: "), outcome.err());
    return outcome.err().strip();
  }
}
