package org.halfstep.pictures;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.logging.LogManager;
import org.halfstep.files.DataException;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Draws all pictures of the sets in a folder; {@code scripts/fetch-pictures} brings these. */
@Command(
    name = "draw-pictures",
    mixinStandardHelpOptions = true,
    description =
        "Draws emoji and clip art at 64 and 128 pixels, with captions, into a folder that is not there yet.")
public final class DrawPictures implements Callable<Integer> {
  /** Concepts that are held out whole. */
  private static final int CONCEPTS = 100;

  /** Part of the pairs of concept and style that are held out. */
  private static final double PAIRS = 0.05;

  private static final int SHOWN = 20;

  @Option(
      names = "--from",
      required = true,
      paramLabel = "FOLDER",
      description = "The sets: the content of each package in a sub-folder of its own.")
  private Path from;

  @Option(
      names = "--out",
      required = true,
      paramLabel = "FOLDER",
      description = "Where pictures/, captions.tsv and CREDITS.md go.")
  private Path to;

  @Option(
      names = "--share-alike",
      description =
          "Also draw the sets under CC-BY-SA (openmoji, emojione-v1), which oblige whoever passes on what is made of them.")
  private boolean shareAlike;

  @Option(
      names = "--seed",
      paramLabel = "NUMBER",
      defaultValue = "0",
      description = "Seed of what is held out (default: 0).")
  private long seed;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws IOException {
    // Drawers report through logging what is reported here once, with the picture's name.
    LogManager.getLogManager().reset();
    PrintWriter out = spec.commandLine().getOut();
    if (Files.exists(to)) {
      throw new DataException(to, "is there already: expected the name of a folder that is not");
    }
    PictureSources sources = PictureSources.read(from, shareAlike);
    sources
        .unnamed()
        .forEach((style, count) -> out.println(style + ": " + count + " drawings have no name"));
    Files.createDirectories(to);
    List<PictureFolderWriter.Drawn> all =
        new PictureFolderWriter(to, out).write(sources.pictures());
    List<Picture> drawn =
        all.stream()
            .filter(PictureFolderWriter.Drawn::isDrawn)
            .map(PictureFolderWriter.Drawn::picture)
            .toList();
    reportLeftOut(all, out);
    HeldOut heldOut = new HeldOut(drawn, CONCEPTS, PAIRS, seed);
    PictureFolderWriter.write(
        to.resolve("CREDITS.md"), Counts.credits(sources.sets(), drawn, heldOut));
    PictureFolderWriter.write(to.resolve("captions.tsv"), CaptionsFile.of(drawn, heldOut));
    out.print(Counts.table(sources.sets(), drawn, heldOut));
    out.flush();
    return 0;
  }

  private static void reportLeftOut(List<PictureFolderWriter.Drawn> all, PrintWriter out) {
    Map<String, Integer> counts = new TreeMap<>();
    int said = 0;
    for (PictureFolderWriter.Drawn each : all) {
      if (!each.isDrawn()) {
        counts.merge(each.picture().style(), 1, Integer::sum);
        if (said++ < SHOWN) {
          out.println(
              "left out: "
                  + each.picture().style()
                  + " "
                  + each.picture().key()
                  + ": "
                  + each.problem());
        }
      }
    }
    counts.forEach((style, count) -> out.println(style + ": " + count + " left out"));
    out.flush();
  }

  /** The command; where something is wrong it says one line and its code is 1. */
  static CommandLine line() {
    CommandLine line = new CommandLine(new DrawPictures());
    line.setExecutionExceptionHandler(
        (failure, command, _) -> {
          if (!(failure instanceof IOException)) {
            throw failure;
          }
          command.getErr().println("draw-pictures: " + failure.getMessage());
          return 1;
        });
    return line;
  }

  /** Runs it. */
  public static void main(String[] arguments) {
    // Drawings that were given up still run.
    System.exit(line().execute(arguments));
  }
}
