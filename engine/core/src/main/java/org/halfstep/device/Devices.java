package org.halfstep.device;

import java.util.List;
import java.util.OptionalInt;
import java.util.function.BiConsumer;
import java.util.stream.Collectors;
import org.halfstep.device.cpu.CpuBackend;
import org.halfstep.device.cuda.CudaBackend;

/**
 * The choice of a device by name: "cpu", "cuda" (the first GPU), "cuda:N" (GPU N, from 0), or
 * "auto": the first GPU where one works, else the CPU. Nothing of a backend is loaded for a device
 * of another, nor by "auto" on a machine without its devices.
 */
public final class Devices {
  public static final String AUTO = "auto";
  public static final String CPU = "cpu";
  public static final String CUDA = "cuda";

  /** In the order in which "auto" tries them; the last one is there on every machine. */
  private static final List<Backend> BACKENDS = List.of(new CudaBackend(), new CpuBackend());

  private Devices() {}

  /** The device where none is named: the system property {@code halfstep.device}, else "auto". */
  public static String standard() {
    return System.getProperty("halfstep.device", AUTO);
  }

  /** All backends, in the order in which "auto" tries them. */
  public static List<Backend> backends() {
    return BACKENDS;
  }

  /**
   * A backend by its name.
   *
   * @throws IllegalArgumentException if there is none of this name
   */
  public static Backend backend(String name) {
    return BACKENDS.stream()
        .filter(backend -> backend.name().equals(name))
        .findFirst()
        .orElseThrow(() -> unknown(name));
  }

  /** A device by name, with one thread per core where it is the CPU. */
  public static Device open(String choice) {
    return open(choice, DeviceOptions.standard());
  }

  /** {@link #open(String, DeviceOptions, BiConsumer)} for whoever does not mind what it is. */
  public static Device open(String choice, DeviceOptions options) {
    return open(choice, options, (backend, problem) -> {});
  }

  /**
   * A device by name.
   *
   * @param passedOver hears of each backend that "auto" tried in vain, and why it cannot be used:
   *     one line
   * @throws IllegalArgumentException if the name is none of those above
   * @throws RuntimeException if the device that was asked for cannot be used; one line that says
   *     what was looked for and where
   */
  public static Device open(
      String choice, DeviceOptions options, BiConsumer<Backend, String> passedOver) {
    return open(BACKENDS, choice, options, passedOver);
  }

  /** The same among other backends, the last of which is there on every machine. */
  static Device open(
      List<Backend> backends,
      String choice,
      DeviceOptions options,
      BiConsumer<Backend, String> passedOver) {
    if (choice.equals(AUTO)) {
      return openFirst(backends, options, passedOver);
    }
    for (Backend backend : backends) {
      OptionalInt ordinal = ordinal(backend, choice);
      if (ordinal.isPresent()) {
        return backend.open(ordinal.getAsInt(), options);
      }
    }
    throw unknown(choice);
  }

  private static Device openFirst(
      List<Backend> backends, DeviceOptions options, BiConsumer<Backend, String> passedOver) {
    for (Backend backend : backends.subList(0, backends.size() - 1)) {
      if (backend.isPresent()) {
        try {
          return backend.open(0, options);
        } catch (RuntimeException | LinkageError unusable) {
          passedOver.accept(backend, String.valueOf(unusable.getMessage()));
        }
      }
    }
    return backends.getLast().open(0, options);
  }

  /** Number of a backend's device that a name asks for; empty where it asks for none of them. */
  private static OptionalInt ordinal(Backend backend, String choice) {
    if (choice.equals(backend.name())) {
      return OptionalInt.of(0);
    }
    String numbered = backend.name() + ":";
    if (backend.isNumbered() && choice.startsWith(numbered)) {
      String number = choice.substring(numbered.length());
      if (number.matches("\\d{1,3}")) {
        return OptionalInt.of(Integer.parseInt(number));
      }
    }
    return OptionalInt.empty();
  }

  private static IllegalArgumentException unknown(String choice) {
    String known =
        BACKENDS.reversed().stream()
            .map(
                b ->
                    b.isNumbered()
                        ? b.name() + ", " + b.name() + ":N (number N, from 0)"
                        : b.name())
            .collect(Collectors.joining(", "));
    return new IllegalArgumentException(
        "there is no device \"" + choice + "\": use " + known + " or " + AUTO);
  }
}
