package org.halfstep.fuzz;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import org.halfstep.cli.console.InputException;

/**
 * What the fuzzer calls. The system property {@code halfstep.fuzz.reader} names a {@link Reader},
 * {@code halfstep.fuzz.folder} a folder in memory. An input may be read or refused; a refusal is
 * one line that names the file and steers no terminal. Everything else is a finding: another
 * exception, a loop, memory out of proportion.
 */
public final class Fuzzing {
  private static final Reader READER = Reader.valueOf(System.getProperty("halfstep.fuzz.reader"));
  private static final Workplace PLACE = place();
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  private static final int LONGEST_LINE = 4_000;

  /** Bytes that reading may allocate beside so many for each byte of the input. */
  private static final long ALLOCATED = 256L << 20;

  private static final long ALLOCATED_EACH = 10_000;

  private Fuzzing() {}

  private static Workplace place() {
    try {
      return new Workplace(Path.of(System.getProperty("halfstep.fuzz.folder")));
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Called by Jazzer once: what is loaded and compiled first is not any input's. */
  public static void fuzzerInitialize() throws IOException {
    for (byte[] seed : PLACE.seeds(READER)) {
      allocatedBy(seed);
    }
  }

  /** Called by Jazzer with each input. */
  public static void fuzzerTestOneInput(byte[] input) throws IOException {
    long most = ALLOCATED + ALLOCATED_EACH * input.length;
    // Once more where it was much: what is loaded and compiled on the way is not the reader's.
    if (allocatedBy(input) > most) {
      long allocated = allocatedBy(input);
      if (allocated > most) {
        throw new AssertionError(allocated + " bytes for an input of " + input.length);
      }
    }
  }

  private static long allocatedBy(byte[] input) throws IOException {
    long before = THREADS.getCurrentThreadAllocatedBytes();
    try {
      READER.read(input, PLACE);
    } catch (IOException | InputException refused) {
      requireOneLine(refused);
    } finally {
      PLACE.empty();
    }
    return THREADS.getCurrentThreadAllocatedBytes() - before;
  }

  private static void requireOneLine(Exception refused) {
    String line = refused.getMessage();
    boolean good =
        line != null
            && line.length() <= LONGEST_LINE
            && line.chars().noneMatch(Character::isISOControl)
            && (line.contains(PLACE.folder().toString()) || isOfSettings());
    if (!good) {
      throw new AssertionError("a refusal that is no line with the file's name: " + line, refused);
    }
  }

  /** A setting is named by its path, whichever file it came from. */
  private static boolean isOfSettings() {
    return READER == Reader.CONFIGURATION;
  }
}
