package org.halfstep.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.image.ImageBatch;
import org.halfstep.image.ImageGrid;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.ModelOptions;
import org.halfstep.sample.SampleRequest;

/**
 * Whole samples on a device: the same pictures as on the CPU, and memory that does not grow. Prints
 * one CHECK line per comparison and exits with 1 when one fails.
 */
public final class SampleChecks {
  private static final int PER_CLASS = 2;
  private static final long SEED = 7;

  /** Mean difference of 8-bit values, of 255, that still is the same picture. */
  private static final double SAME_F32 = 0.05;

  private static final double SAME_ROUNDED = 4;

  private static final long GROWTH_MEBIBYTES = 16;

  private SampleChecks() {}

  /**
   * Runs {@code same FOLDER}, which writes grids there, {@code repeat MODEL} or {@code memory
   * IMAGES}.
   */
  public static void main(String[] arguments) throws Exception {
    boolean passed =
        switch (arguments[0]) {
          case "same" -> same(Path.of(arguments[1]));
          case "repeat" -> repeat(arguments[1]);
          case "memory" -> memory(Integer.parseInt(arguments[1]));
          default ->
              throw new IllegalArgumentException(
                  "usage: SampleChecks same FOLDER | repeat MODEL | memory IMAGES");
        };
    System.exit(passed ? 0 : 1);
  }

  /**
   * The same request three times: launched one by one, recorded, replayed. The bits must be equal;
   * the line ends with a digest, which must be that of a process with {@code
   * -Dhalfstep.graphs=off}.
   */
  private static boolean repeat(String name) throws Exception {
    List<String> digests = new ArrayList<>();
    try (Device device = BenchDevice.open();
        DiffusionModel model =
            DiffusionModel.bundled(
                name,
                ModelOptions.standard()
                    .withDevice(device)
                    .withPrecision(BenchDevice.precision()))) {
      for (int run = 0; run < 3; run++) {
        ImageBatch made = sample(model, Math.min(model.defaultSteps(), 16));
        byte[] digest = MessageDigest.getInstance("SHA-256").digest(made.pixels());
        digests.add(HexFormat.of().formatHex(digest, 0, 8));
      }
    }
    boolean equal = digests.stream().distinct().count() == 1;
    System.out.println(
        "CHECK "
            + (equal ? "passed " : "failed ")
            + name
            + ", "
            + BenchDevice.precision().name().toLowerCase(Locale.ROOT)
            + ", by itself, recorded, replayed: "
            + String.join(" ", digests));
    return equal;
  }

  private static boolean same(Path folder) throws IOException {
    Files.createDirectories(folder);
    boolean all = true;
    for (String name : DiffusionModel.bundledNames()) {
      ImageBatch expected;
      ImageBatch made;
      int steps;
      try (Device cpu = new CpuDevice();
          DiffusionModel model =
              DiffusionModel.bundled(name, ModelOptions.standard().withDevice(cpu))) {
        // The teacher's 256 guided steps would take minutes on a CPU.
        steps = Math.min(model.defaultSteps(), 16);
        expected = sample(model, steps);
        write(folder.resolve(name + "-cpu.png"), expected, model);
      }
      try (Device device = BenchDevice.open();
          DiffusionModel model =
              DiffusionModel.bundled(
                  name,
                  ModelOptions.standard()
                      .withDevice(device)
                      .withPrecision(BenchDevice.precision()))) {
        made = sample(model, steps);
        write(folder.resolve(name + "-device.png"), made, model);
      }
      all &= compare(name, steps, expected, made);
    }
    return all;
  }

  private static ImageBatch sample(DiffusionModel model, int steps) {
    int[] labels = new int[PER_CLASS * model.classes()];
    for (int i = 0; i < labels.length; i++) {
      labels[i] = i % model.classes();
    }
    SampleRequest request = model.request(labels).withSeed(SEED).withSteps(steps);
    return model.sample(request);
  }

  private static void write(Path file, ImageBatch images, DiffusionModel model) throws IOException {
    new ImageGrid(model.classes(), 2, 2).write(file, images, Map.of());
  }

  private static boolean compare(String name, int steps, ImageBatch want, ImageBatch got) {
    long sum = 0;
    int largest = 0;
    int equal = 0;
    for (int i = 0; i < want.pixels().length; i++) {
      int difference = Math.abs((want.pixels()[i] & 0xff) - (got.pixels()[i] & 0xff));
      sum += difference;
      largest = Math.max(largest, difference);
      equal += difference == 0 ? 1 : 0;
    }
    double mean = (double) sum / want.pixels().length;
    double limit = BenchDevice.precision() == DataType.F32 ? SAME_F32 : SAME_ROUNDED;
    boolean passed = mean <= limit;
    System.out.println(
        String.format(
            Locale.ROOT,
            "CHECK %s %s, %d steps, %d images: 8-bit values differ by %.4f on average (at most"
                + " %.2f passes), %d at most; %.2f %% are equal",
            passed ? "passed" : "failed",
            name,
            steps,
            want.count(),
            mean,
            limit,
            largest,
            100.0 * equal / want.pixels().length));
    return passed;
  }

  private static boolean memory(int images) throws Exception {
    try (Device device = BenchDevice.open();
        DiffusionModel model =
            DiffusionModel.bundled(fewestSteps(), ModelOptions.standard().withDevice(device))) {
      int batch = 100;
      int warm = Math.max(batch, images / 10);
      int done = 0;
      long residentBefore = 0;
      long deviceBefore = 0;
      while (done < images) {
        int[] labels = new int[batch];
        for (int i = 0; i < batch; i++) {
          labels[i] = i % model.classes();
        }
        model.sample(model.request(labels).withSeed(done));
        done += batch;
        if (done == warm) {
          residentBefore = residentMebibytes();
          deviceBefore = deviceMebibytes();
        }
      }
      long resident = residentMebibytes() - residentBefore;
      long onDevice = deviceMebibytes() - deviceBefore;
      boolean passed = onDevice <= GROWTH_MEBIBYTES && resident <= 2 * GROWTH_MEBIBYTES;
      System.out.println(
          String.format(
              Locale.ROOT,
              "CHECK %s from image %d to %d device memory grew by %d MiB, resident memory by %d MiB",
              passed ? "passed" : "failed",
              warm,
              done,
              onDevice,
              resident));
      return passed;
    }
  }

  /** The last of the bundled models has the fewest steps. */
  private static String fewestSteps() {
    return DiffusionModel.bundledNames().getLast();
  }

  private static long residentMebibytes() throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith("VmRSS:")) {
        return Long.parseLong(line.replaceAll("[^0-9]", "")) / 1024;
      }
    }
    throw new IOException("/proc/self/status has no VmRSS line");
  }

  /** What nvidia-smi says is in use on the first GPU; 0 where there is none. */
  private static long deviceMebibytes() throws InterruptedException {
    try {
      Process smi =
          new ProcessBuilder(
                  "nvidia-smi",
                  "-i",
                  "0",
                  "--query-gpu=memory.used",
                  "--format=csv,noheader,nounits")
              .redirectErrorStream(true)
              .start();
      try (BufferedReader reader = smi.inputReader()) {
        String line = reader.readLine();
        return smi.waitFor() == 0 ? Long.parseLong(line.strip()) : 0;
      }
    } catch (IOException absent) {
      return 0;
    }
  }
}
