package org.halfstep.device;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.device.cuda.CudaDevice;

/**
 * The choice of a device by name: "cpu", "cuda" (the first GPU), "cuda:N" (GPU N, from 0), or
 * "auto": the first GPU where one works, else the CPU. Nothing of CUDA is loaded for a CPU, nor by
 * "auto" on a machine without an NVIDIA driver.
 */
public final class Devices {
  public static final String AUTO = "auto";
  public static final String CPU = "cpu";
  public static final String CUDA = "cuda";

  private static final String NUMBERED = CUDA + ":";

  /** What a driver for NVIDIA GPUs puts into the file system; the last one under WSL. */
  private static final List<Path> DRIVER_FILES =
      List.of(
          Path.of("/dev/nvidiactl"), Path.of("/proc/driver/nvidia/version"), Path.of("/dev/dxg"));

  private Devices() {}

  /** The device where none is named: the system property {@code halfstep.device}, else "auto". */
  public static String standard() {
    return System.getProperty("halfstep.device", AUTO);
  }

  /** A device by name, with one thread per core where it is the CPU. */
  public static Device open(String choice) {
    return open(choice, DeviceOptions.standard());
  }

  /**
   * A device by name.
   *
   * @throws IllegalArgumentException if the name is none of those above
   * @throws org.halfstep.device.cuda.driver.CudaUnavailableException if a GPU was asked for and
   *     cannot be used; one line that says what was looked for and where
   */
  public static Device open(String choice, DeviceOptions options) {
    int gpu = ordinal(choice);
    if (gpu >= 0) {
      return CudaDevice.open(gpu, options);
    }
    if (choice.equals(AUTO) && hasDriver()) {
      try {
        return CudaDevice.open(0, options);
      } catch (RuntimeException | LinkageError unusable) {
        // Chosen by itself, so left out by itself; cudaProblem() says why.
      }
    }
    return new CpuDevice(options.threads(), options.convolutions());
  }

  /** Whether something on this machine looks like a driver for NVIDIA GPUs. */
  private static boolean hasDriver() {
    return DRIVER_FILES.stream().anyMatch(Files::exists);
  }

  /** Number of the GPU that a name asks for; -1 for none. */
  private static int ordinal(String choice) {
    if (choice.equals(CUDA)) {
      return 0;
    }
    if (choice.startsWith(NUMBERED)) {
      String number = choice.substring(NUMBERED.length());
      if (number.matches("\\d{1,3}")) {
        return Integer.parseInt(number);
      }
    } else if (choice.equals(CPU) || choice.equals(AUTO)) {
      return -1;
    }
    throw new IllegalArgumentException(
        "there is no device \"" + choice + "\": use cpu, cuda, cuda:N (GPU N, from 0) or auto");
  }

  /** Why no GPU can be used here, in one line; empty when one can. Loads what is there of CUDA. */
  public static Optional<String> cudaProblem() {
    try {
      CudaDevice.open(0, DeviceOptions.standard()).close();
      return Optional.empty();
    } catch (RuntimeException | LinkageError unusable) {
      return Optional.of(String.valueOf(unusable.getMessage()));
    }
  }

  /** The libraries that a device runs on, for people: each with its version and where it is. */
  public static List<String> libraries(Device device) {
    return device instanceof CudaDevice cuda ? cuda.libraries() : CpuDevice.libraries();
  }
}
