package org.halfstep.safetensors;

import java.io.IOException;
import java.nio.file.Path;

/**
 * A file that is not a well-formed safetensors file; the message is one line with file, byte offset
 * and expectation.
 */
public final class SafetensorsException extends IOException {
  private static final long serialVersionUID = 1L;

  /**
   * @param file the refused file
   * @param offset byte offset within the file where the fault lies
   * @param problem what was expected and what was found
   */
  public SafetensorsException(Path file, long offset, String problem) {
    super(file + ": byte " + offset + ": " + oneLine(problem));
  }

  // Names come from the file: line breaks and control characters in them must not reach a terminal.
  private static String oneLine(String text) {
    StringBuilder clean = new StringBuilder(Math.min(text.length(), MAXIMUM_LENGTH));
    for (int i = 0; i < text.length() && clean.length() < MAXIMUM_LENGTH; i++) {
      char c = text.charAt(i);
      clean.append(Character.isISOControl(c) || c == '\u2028' || c == '\u2029' ? '?' : c);
    }
    return clean.length() < text.length() ? clean + "..." : clean.toString();
  }

  private static final int MAXIMUM_LENGTH = 400;
}
