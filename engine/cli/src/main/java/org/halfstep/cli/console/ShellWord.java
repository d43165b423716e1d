package org.halfstep.cli.console;

/** Words of a command line as a shell takes them, so that what is printed can be run again. */
public final class ShellWord {
  private static final String PLAIN = "[\\w./=,:@%+-]+";

  private ShellWord() {}

  /** A word as it is, or in quotes where a shell would make something else of it. */
  public static String quoted(String word) {
    return word.matches(PLAIN) ? word : "'" + word.replace("'", "'\\''") + "'";
  }
}
