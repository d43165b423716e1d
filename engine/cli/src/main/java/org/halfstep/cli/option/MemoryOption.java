package org.halfstep.cli.option;

import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.halfstep.cli.console.InputException;
import org.halfstep.device.Device;
import org.halfstep.sample.ModelOptions;
import picocli.CommandLine.Option;

/** The choice of how much memory a model's packed weights may take. */
public final class MemoryOption {
  private static final Pattern SIZE =
      Pattern.compile(
          "([0-9]{1,9}(?:\\.[0-9]{1,9})?)\\s*([MGT])(?:i?B)?", Pattern.CASE_INSENSITIVE);
  private static final String UNITS = "MGT";
  private static final int FIRST_UNIT_BITS = 20;
  private static final int BITS_PER_UNIT = 10;

  @Option(
      names = "--memory",
      paramLabel = "SIZE",
      description =
          "What a model's packed weights may take, such as 600M or 2.5G: with less, convolutions"
              + " are slower (default: 1.6 times the weights, 384M at least; 'halfstep info"
              + " --model' shows what each layer takes).")
  private String memory;

  /** Bytes; 0 where nothing was given. */
  public long bytes() {
    return memory == null ? 0 : bytes(memory);
  }

  static long bytes(String text) {
    Matcher size = SIZE.matcher(text.strip());
    if (!size.matches()) {
      throw refused(text);
    }
    int unit = UNITS.indexOf(size.group(2).toUpperCase(Locale.ROOT));
    double bytes =
        Double.parseDouble(size.group(1)) * (1L << (FIRST_UNIT_BITS + BITS_PER_UNIT * unit));
    if (bytes < 1) {
      throw refused(text);
    }
    return (long) bytes;
  }

  /** What was given, as it is typed, so that a picture can be made again. */
  public List<String> words() {
    return memory == null ? List.of() : List.of("--memory", memory);
  }

  private static InputException refused(String text) {
    return new InputException(
        "--memory must be a size above 0 in M (MiB), G (GiB) or T, such as 600M or 2.5G, got \""
            + text
            + "\"");
  }

  /** How a model is opened on a device, which stays the caller's. */
  public ModelOptions on(Device device) {
    return ModelOptions.standard().withDevice(device).withMemory(bytes());
  }
}
