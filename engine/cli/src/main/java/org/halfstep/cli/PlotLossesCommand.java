package org.halfstep.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.halfstep.cli.console.InputException;
import org.halfstep.cli.console.Sizes;
import org.halfstep.files.AtomicFile;
import org.halfstep.report.LossPlot;
import org.halfstep.train.LossTable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Draws the losses that trainings wrote. */
@Command(
    name = "plot-losses",
    description = {
      "Draw the losses of one run, or of several in one picture, from the losses.csv in their folders, and print"
          + " where each stands.",
      "A run may go on meanwhile."
    },
    footer = {
      "  halfstep plot-losses out/teacher",
      "  halfstep plot-losses out/a out/b --out out/both.png"
    })
final class PlotLossesCommand implements Callable<Integer> {
  private static final String FILE = "losses.png";

  @Spec private CommandLine.Model.CommandSpec spec;

  @Parameters(
      paramLabel = "RUN",
      arity = "1..*",
      description = "Folders of runs: what was --out of a training.")
  private List<Path> runs;

  @Option(
      names = "--out",
      paramLabel = "FILE",
      description = "The picture, a .png (default: losses.png in the run's folder).")
  private Path file;

  @Override
  public Integer call() throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    if (file == null && runs.size() > 1) {
      throw new InputException("several runs go into one picture: name it with --out FILE");
    }
    Path picture = file == null ? runs.getFirst().resolve(FILE) : file;
    Map<String, List<LossTable.Row>> rows = new LinkedHashMap<>();
    for (Path run : runs) {
      if (rows.put(run.toString(), read(run)) != null) {
        throw new InputException(run + ": is named twice");
      }
    }
    AtomicFile.requireWritable(picture);
    System.setProperty("java.awt.headless", "true");
    LossPlot.write(picture, rows);
    rows.forEach(
        (run, all) -> {
          LossTable.Row last = all.getLast();
          out.printf(
              Locale.ROOT,
              "%s: %s, update %s, loss %.4f%n",
              run,
              last.phase(),
              Sizes.whole(last.update()),
              last.loss());
        });
    out.println("wrote " + picture);
    return 0;
  }

  private static List<LossTable.Row> read(Path run) throws IOException {
    Path table = run.resolve(LossTable.FILE);
    if (!Files.exists(table)) {
      throw new InputException(
          table + ": there is no such file; expected the folder of a training, which writes it");
    }
    List<LossTable.Row> rows = LossTable.read(run);
    if (rows.isEmpty()) {
      throw new InputException(table + ": has no rows yet");
    }
    return rows;
  }
}
