package org.halfstep.cli.console;

import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.stream.Collectors;
import org.halfstep.files.DataException;
import org.halfstep.files.FailureReason;
import org.halfstep.files.Printable;
import org.halfstep.safetensors.SafetensorsException;
import org.halfstep.torch.TorchFileException;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/** Turns every failure into one line and an exit code; a stack trace only when asked for. */
public final class ErrorLine {
  /** The work failed. */
  public static final int FAILURE = 1;

  /** What the user gave cannot be used. */
  public static final int BAD_INPUT = 2;

  /** Ended by Ctrl-C, as shells report it: 128 and the signal's number. */
  public static final int INTERRUPTED = 130;

  private ErrorLine() {}

  public static int badUsage(ParameterException failure, String[] arguments) {
    CommandLine command = failure.getCommandLine();
    String name = command.getCommandSpec().qualifiedName();
    PrintWriter err = command.getErr();
    String meant = "";
    if (failure instanceof UnmatchedArgumentException unmatched) {
      meant =
          unmatched.getSuggestions().stream()
              .findFirst()
              .map(close -> "; did you mean '" + close + "'?")
              .orElse("");
    }
    err.println(
        "halfstep: "
            + oneLine(lowerFirst(failure.getMessage()))
            + meant
            + "; see '"
            + name
            + " --help'");
    if (List.of(arguments).contains("--verbose")) {
      failure.printStackTrace(err);
    }
    err.flush();
    return BAD_INPUT;
  }

  public static int report(Throwable failure, PrintWriter err, boolean verbose) {
    err.println("halfstep: " + line(failure));
    if (verbose) {
      failure.printStackTrace(err);
    }
    err.flush();
    return exitCode(failure);
  }

  /** The whole command line of a command, as a shell takes it. */
  public static String typed(CommandLine command) {
    return "halfstep "
        + command.getParent().getParseResult().originalArgs().stream()
            .map(ShellWord::quoted)
            .collect(Collectors.joining(" "));
  }

  public static int exitCode(Throwable failure) {
    return switch (failure) {
      case InputException _, IllegalArgumentException _ -> BAD_INPUT;
      case DataException _, SafetensorsException _, NoSuchFileException _ -> BAD_INPUT;
      case TorchFileException _ -> BAD_INPUT;
      case CancellationException _ -> INTERRUPTED;
      default -> FAILURE;
    };
  }

  public static String line(Throwable failure) {
    String text =
        switch (failure) {
          case FileSystemException e when e.getFile() != null ->
              e.getFile() + ": " + FailureReason.of(e);
          case UncheckedIOException e when e.getCause() != null -> line(e.getCause());
          case OutOfMemoryError e when isHeap(e) ->
              "out of memory in the Java heap ("
                  + e.getMessage()
                  + "): "
                  + "give it more with HALFSTEP_JVM=-Xmx8g, say, or ask for less at once";
          case OutOfMemoryError e -> "out of memory: " + e.getMessage();
          default -> failure.getMessage();
        };
    boolean expected =
        failure instanceof InputException
            || failure instanceof IllegalArgumentException
            || failure instanceof java.io.IOException
            || failure instanceof UncheckedIOException;
    if (text == null || text.isBlank()) {
      return failure.getClass().getSimpleName() + " (a stack trace comes with --verbose)";
    }
    return expected || failure.getClass().getPackageName().startsWith("org.halfstep")
        ? oneLine(text)
        : oneLine(failure.getClass().getSimpleName() + ": " + text);
  }

  private static boolean isHeap(OutOfMemoryError failure) {
    String text = failure.getMessage();
    return text == null
        || text.startsWith("Java heap")
        || text.startsWith("GC overhead")
        || text.startsWith("Requested array size");
  }

  /** Names come from other people's files: what would control a terminal is not shown. */
  private static String oneLine(String text) {
    return Printable.clean(text.strip().replaceAll("\\s*\\R\\s*", "; "));
  }

  private static String lowerFirst(String text) {
    return text.isEmpty() || text.length() > 1 && Character.isUpperCase(text.charAt(1))
        ? text
        : Character.toLowerCase(text.charAt(0)) + text.substring(1);
  }
}
