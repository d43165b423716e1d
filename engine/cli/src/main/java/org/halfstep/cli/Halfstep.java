package org.halfstep.cli;

import java.io.BufferedOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.halfstep.cli.console.ErrorLine;
import org.halfstep.cli.console.StandardOutput;
import org.halfstep.cli.option.Bounds;
import org.halfstep.cli.option.MemoryOption;
import org.halfstep.cli.option.PrecisionOption;
import org.halfstep.device.AttentionAlgorithm;
import org.halfstep.device.ConvolutionAlgorithm;
import org.halfstep.device.CpuOptions;
import org.halfstep.device.Device;
import org.halfstep.device.DeviceOptions;
import org.halfstep.device.Devices;
import org.halfstep.device.GpuOptions;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;

/** The command line: {@code halfstep COMMAND ...}. */
@Command(
    name = "halfstep",
    mixinStandardHelpOptions = true,
    version = "halfstep " + Halfstep.VERSION,
    description = "Trains, distills and samples guided diffusion models.",
    synopsisSubcommandLabel = "COMMAND",
    scope = ScopeType.INHERIT,
    usageHelpAutoWidth = true,
    sortOptions = false,
    commandListHeading = "%nCommands:%n",
    optionListHeading = "%nOptions:%n",
    footerHeading = "%nExample:%n",
    footer = "  halfstep sample --model fashion-mnist-4 --labels Sneaker,Coat --grid out/pair.png",
    subcommands = {
      DemoCommand.class,
      TrainCommand.class,
      TrainClassifierCommand.class,
      TrainAutoencoderCommand.class,
      TrainCaptionScorerCommand.class,
      DistillCommand.class,
      PlotLossesCommand.class,
      SampleCommand.class,
      EditCommand.class,
      InpaintCommand.class,
      TransferCommand.class,
      EvaluateCommand.class,
      InfoCommand.class,
      ConvertCommand.class,
      BundleCommand.class,
      DoctorCommand.class,
      ExportCommand.class,
      QuantizeCommand.class,
      ReportCommand.class,
      ReportPicturesCommand.class,
      BenchCommand.class,
      CommandLine.HelpCommand.class
    })
public final class Halfstep implements Runnable {
  /** Version of this build. */
  static final String VERSION = "0.2.0";

  @Option(
      names = "--verbose",
      order = 105,
      scope = ScopeType.INHERIT,
      description = "Show stack traces of failures.")
  private boolean verbose;

  @Option(
      names = "--threads",
      order = 100,
      scope = ScopeType.INHERIT,
      paramLabel = "N",
      description = "Threads to compute with (default: one per core).")
  private Integer threads;

  @Option(
      names = "--device",
      order = 101,
      scope = ScopeType.INHERIT,
      paramLabel = "NAME",
      description =
          "cpu, cuda, cuda:N (GPU N), or auto: a GPU where one works, else the CPU (default: auto).")
  private String device = Devices.standard();

  @Option(
      names = "--deterministic",
      order = 103,
      scope = ScopeType.INHERIT,
      description =
          "On a GPU, take algorithms that give the same bits in every run; the CPU always does.")
  private boolean deterministic;

  @Option(
      names = "--conv",
      order = 102,
      scope = ScopeType.INHERIT,
      paramLabel = "HOW",
      defaultValue = "fastest",
      description =
          "Convolutions on the CPU: fastest (Winograd where it pays) or direct (oneDNN) "
              + "(default: fastest).")
  private ConvolutionAlgorithm convolutions;

  @Option(
      names = "--attention",
      order = 104,
      scope = ScopeType.INHERIT,
      paramLabel = "HOW",
      defaultValue = "fastest",
      description =
          "Attention on a GPU: fastest (cuDNN's where it pays) or own (default: fastest).")
  private AttentionAlgorithm attention;

  @CommandLine.Spec private CommandLine.Model.CommandSpec spec;

  private Halfstep() {}

  /**
   * Runs one command and exits with its code: 0, 1 for a failure, 2 for unusable input, 130 after
   * Ctrl-C.
   */
  public static void main(String[] arguments) {
    StandardOutput standard = new StandardOutput(new FileOutputStream(FileDescriptor.out));
    PrintWriter out =
        new PrintWriter(new BufferedOutputStream(standard), true, StandardCharsets.UTF_8);
    PrintWriter err = new PrintWriter(System.err, true, StandardCharsets.UTF_8);
    int code = run(out, err, arguments);
    Optional<String> lost = standard.problem();
    lost.ifPresent(problem -> err.println("halfstep: standard output: " + problem));
    System.exit(lost.isPresent() && code == 0 ? ErrorLine.FAILURE : code);
  }

  /** Runs one command and returns its exit code. */
  static int run(PrintWriter out, PrintWriter err, String... arguments) {
    Halfstep halfstep = new Halfstep();
    CommandLine line = new CommandLine(halfstep);
    line.setOut(out);
    line.setErr(err);
    line.setCaseInsensitiveEnumValuesAllowed(true);
    // A class or a file may be called @x: no file is read in its place.
    line.setExpandAtFiles(false);
    line.setParameterExceptionHandler(ErrorLine::badUsage);
    line.setExecutionExceptionHandler(
        (failure, command, parsed) -> ErrorLine.report(failure, err, halfstep.verbose));
    try {
      return line.execute(arguments);
    } catch (OutOfMemoryError | ExceptionInInitializerError | UnsatisfiedLinkError failure) {
      return ErrorLine.report(failure, err, halfstep.verbose);
    } finally {
      out.flush();
      err.flush();
    }
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "name a command, such as demo or sample");
  }

  /** The number of threads asked for; 0 for one per core. */
  int threads() {
    return threads == null ? 0 : Bounds.whole("--threads", threads, 1, CpuOptions.MOST_THREADS);
  }

  /** The name of the device that was asked for. */
  String deviceName() {
    return device;
  }

  /** How a command computes, as it is typed, so that a picture can be made again. */
  List<String> words(MemoryOption memory, PrecisionOption precision) {
    List<String> words = words();
    words.addAll(memory.words());
    words.addAll(precision.words());
    return words;
  }

  /** What was asked of the device and changes last bits, as it is typed. */
  List<String> words() {
    List<String> words = new ArrayList<>();
    if (convolutions != ConvolutionAlgorithm.FASTEST) {
      words.addAll(List.of("--conv", convolutions.name().toLowerCase(Locale.ROOT)));
    }
    if (attention != AttentionAlgorithm.FASTEST) {
      words.addAll(List.of("--attention", attention.name().toLowerCase(Locale.ROOT)));
    }
    if (deterministic) {
      words.add("--deterministic");
    }
    return words;
  }

  /** The device that a command computes on. */
  Device openDevice() {
    return Devices.open(
        device,
        new DeviceOptions(
            new CpuOptions(threads(), convolutions), new GpuOptions(attention, deterministic)),
        (backend, problem) ->
            spec.commandLine().getErr().println(backend.name() + " is not used: " + problem));
  }
}
