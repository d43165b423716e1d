package org.halfstep.cli.console;

import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.util.Optional;

/**
 * A process' output that remembers that it could not be written: the writers around it swallow
 * that, and numbers that were lost must not end in success.
 */
public final class StandardOutput extends OutputStream {
  private static final String CLOSED_PIPE = "Broken pipe";

  private final FileOutputStream out;
  private IOException failure;

  public StandardOutput(FileOutputStream out) {
    this.out = out;
  }

  @Override
  public void write(int one) throws IOException {
    write(new byte[] {(byte) one}, 0, 1);
  }

  @Override
  public void write(byte[] bytes, int offset, int length) throws IOException {
    try {
      out.write(bytes, offset, length);
    } catch (IOException failed) {
      failure = failure == null ? failed : failure;
      throw failed;
    }
  }

  /**
   * Why output was lost; empty when none was, and for a pipe whose reader has gone, which needs no
   * message.
   */
  public Optional<String> problem() {
    return Optional.ofNullable(failure)
        .map(IOException::getMessage)
        .filter(text -> !CLOSED_PIPE.equals(text));
  }
}
