package org.halfstep.cli.option;

import java.util.List;
import java.util.Locale;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** The choice of how activations are stored and multiplied. */
public final class PrecisionOption {
  private static final List<DataType> PRECISIONS =
      List.of(DataType.F32, DataType.BF16, DataType.TF32);

  /** Those of the storage types that networks compute in. */
  static final class Converter implements ITypeConverter<DataType> {
    @Override
    public DataType convert(String text) {
      return PRECISIONS.stream()
          .filter(type -> type.name().equalsIgnoreCase(text))
          .findFirst()
          .orElseThrow(
              () -> new TypeConversionException("expected f32, bf16 or tf32, got '" + text + "'"));
    }
  }

  @Option(
      names = "--precision",
      converter = Converter.class,
      paramLabel = "TYPE",
      description =
          "f32, bf16, or on a GPU tf32: how networks compute, all parts of a latent model (default:"
              + " bf16 on a GPU and on a CPU with AMX, else f32).")
  private DataType precision;

  /** What was given, else what is best on the device. */
  public DataType on(Device device) {
    DataType chosen = precision == null ? device.defaultPrecision() : precision;
    device.requirePrecision(chosen);
    return chosen;
  }

  /** What was given, as it is typed, so that a picture can be made again. */
  public List<String> words() {
    return precision == null
        ? List.of()
        : List.of("--precision", precision.name().toLowerCase(Locale.ROOT));
  }

  /** Sets what was given; where nothing was, fills in what the settings leave open. */
  public void complete(Settings settings, Device device, String... paths) {
    DataType chosen = on(device);
    for (String path : paths) {
      if (precision != null || settings.isOpen(path)) {
        settings.set(path, chosen);
      }
    }
  }
}
