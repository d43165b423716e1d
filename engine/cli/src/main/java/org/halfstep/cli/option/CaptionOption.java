package org.halfstep.cli.option;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.halfstep.cli.console.InputException;
import org.halfstep.cli.console.Sizes;
import org.halfstep.device.Device;
import org.halfstep.files.FileDigest;
import org.halfstep.files.TextFile;
import org.halfstep.latent.ClipModel;
import picocli.CommandLine.Option;

/** Captions of images, and the CLIP that says how well the two agree. */
public final class CaptionOption {
  @Option(
      names = "--captions",
      paramLabel = "FILE",
      description =
          "Measure as well how images agree with captions: a text file with the caption of the"
              + " first image in its first line, and so on. Needs --clip.")
  private Path captions;

  @Option(
      names = "--clip",
      paramLabel = "FOLDER",
      description =
          "The CLIP that compares them, as transformers keeps it: config.json, weights and"
              + " tokenizer.")
  private Path clip;

  /**
   * Captions with their CLIP.
   *
   * @param clip closed with this
   * @param captions a line each
   * @param file where they come from
   * @param sha256 of that file
   */
  public record Opened(ClipModel clip, List<String> captions, Path file, String sha256)
      implements AutoCloseable {
    /** What is needed to repeat the comparison. */
    public Map<String, String> description() {
      return Map.of(
          "path",
          file.toString(),
          "sha256",
          sha256,
          "clip",
          clip.name(),
          "clipSha256",
          clip.sha256());
    }

    @Override
    public void close() {
      clip.close();
    }
  }

  /** Whether they are given. */
  public boolean isGiven() {
    return captions != null || clip != null;
  }

  /** Fails when one is given without the other, or is not there. */
  public void requireWhole() {
    if (!isGiven()) {
      return;
    }
    if (captions == null || clip == null) {
      throw new InputException(
          captions == null
              ? "--clip compares images with captions: give --captions FILE as well"
              : "--captions need a CLIP to be compared by: give --clip FOLDER as well");
    }
    if (!Files.isRegularFile(captions)) {
      throw new InputException(captions + ": there is no such file");
    }
    if (!Files.isDirectory(clip)) {
      throw new InputException(clip + ": there is no such folder");
    }
  }

  /**
   * Opens both and says what they are.
   *
   * @param device stays the caller's
   * @param images that will come; null for as many as there are captions
   */
  public Opened open(Device device, Integer images, PrintWriter out) throws IOException {
    List<String> lines = TextFile.lines(captions);
    int count = images == null ? lines.size() : images;
    if (lines.size() < count) {
      throw new InputException(
          captions
              + ": has "
              + lines.size()
              + " captions for "
              + count
              + " images; expected a line for each");
    }
    ClipModel model = ClipModel.open(device, clip);
    try {
      out.println(
          "captions: " + captions + "; CLIP " + model.name() + ", SHA-256 " + model.sha256());
      long cut = lines.subList(0, count).stream().filter(model::cuts).count();
      if (cut > 0) {
        out.println(
            "  " + Sizes.whole(cut) + " are longer than CLIP reads; their ends do not count");
      }
      out.flush();
      return new Opened(model, lines.subList(0, count), captions, FileDigest.sha256(captions));
    } catch (Throwable failure) {
      model.close();
      throw failure;
    }
  }
}
