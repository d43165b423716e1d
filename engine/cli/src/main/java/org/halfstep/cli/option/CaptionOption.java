package org.halfstep.cli.option;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.halfstep.cli.console.InputException;
import org.halfstep.cli.console.Sizes;
import org.halfstep.data.CaptionOptions;
import org.halfstep.data.CaptionTexts;
import org.halfstep.data.CaptionedPictures;
import org.halfstep.device.Device;
import org.halfstep.files.FileDigest;
import org.halfstep.files.TextFile;
import org.halfstep.latent.ClipModel;
import org.halfstep.latent.JointEmbedding;
import org.halfstep.metrics.CaptionScorer;
import picocli.CommandLine.Option;

/** Captions of images, and the networks that say how well the two agree. */
public final class CaptionOption {
  @Option(
      names = "--captions",
      paramLabel = "FILE|FOLDER",
      description =
          "Measure as well how images agree with captions: a text file with the caption of the"
              + " first image in its first line, and so on; or a folder of captioned pictures,"
              + " whose captions are taken in their order. Needs --clip or --scorer.")
  private Path captions;

  @Option(
      names = "--captions-split",
      paramLabel = "NAME",
      split = ",",
      description =
          "Take the captions of a folder's pictures of these splits only, for example"
              + " held-out-pair (default: of all).")
  private List<String> splits = List.of();

  @Option(
      names = "--clip",
      paramLabel = "FOLDER",
      description =
          "The CLIP that compares them, as transformers keeps it: config.json, weights and"
              + " tokenizer.")
  private Path clip;

  @Option(
      names = "--scorer",
      paramLabel = "FOLDER",
      description =
          "Compare them by a caption scorer in place of CLIP: what train-caption-scorer wrote. Its"
              + " features serve FID, KID, precision and recall as well unless --inception or"
              + " --classifier name others.")
  private Path scorer;

  /**
   * Captions with what compares them.
   *
   * @param model closed with this
   * @param captions a line each
   * @param file where they come from, a file or folder
   * @param sha256 of that file, or of what the folder says of its pictures
   */
  public record Opened(JointEmbedding model, List<String> captions, Path file, String sha256)
      implements AutoCloseable {
    /** What is needed to repeat the comparison. */
    public Map<String, String> description() {
      String kind = model instanceof ClipModel ? "clip" : "scorer";
      return Map.of(
          "path",
          file.toString(),
          "sha256",
          sha256,
          kind,
          model.name(),
          kind + "Sha256",
          model.sha256());
    }

    @Override
    public void close() {
      model.close();
    }
  }

  /** Whether they are given. */
  public boolean isGiven() {
    return captions != null || clip != null || scorer != null || !splits.isEmpty();
  }

  /** The folder of a caption scorer; null where CLIP compares, or nothing. */
  public Path scorer() {
    return scorer;
  }

  /** Fails when one is given without the other, or is not there. */
  public void requireWhole() {
    if (!isGiven()) {
      return;
    }
    if (captions == null || clip == null && scorer == null) {
      throw new InputException(
          captions == null
              ? "images are compared with captions: give --captions FILE as well"
              : "--captions need something to be compared by: give --clip FOLDER as well, or"
                  + " --scorer FOLDER");
    }
    if (clip != null && scorer != null) {
      throw new InputException("--clip and --scorer both compare captions: give one of them");
    }
    if (!Files.exists(captions)) {
      throw new InputException(captions + ": there is no such file or folder");
    }
    if (!splits.isEmpty() && !Files.isDirectory(captions)) {
      throw new InputException(
          captions + ": is a file; --captions-split is for folders of captioned pictures");
    }
    Path compares = clip == null ? scorer : clip;
    if (!Files.isDirectory(compares)) {
      throw new InputException(compares + ": there is no such folder");
    }
  }

  /**
   * Opens both and says what they are.
   *
   * @param device stays the caller's
   * @param images that will come; null for as many as there are captions
   */
  public Opened open(Device device, Integer images, PrintWriter out) throws IOException {
    Texts read = read();
    List<String> lines = read.lines;
    int count = images == null ? lines.size() : images;
    if (lines.size() < count) {
      throw new InputException(
          captions
              + ": has "
              + lines.size()
              + " captions for "
              + count
              + " images; expected one for each");
    }
    JointEmbedding model =
        clip == null ? CaptionScorer.open(device, scorer) : ClipModel.open(device, clip);
    try {
      out.println(
          "captions: "
              + captions
              + "; "
              + (clip == null ? "" : "CLIP ")
              + model.name()
              + ", SHA-256 "
              + model.sha256());
      long cut = lines.subList(0, count).stream().filter(model::cuts).count();
      if (cut > 0) {
        out.println(
            "  "
                + Sizes.whole(cut)
                + " are longer than "
                + (clip == null ? "it" : "CLIP")
                + " reads; their ends do not count");
      }
      out.flush();
      return new Opened(model, lines.subList(0, count), captions, read.sha256);
    } catch (Throwable failure) {
      model.close();
      throw failure;
    }
  }

  private record Texts(List<String> lines, String sha256) {}

  private Texts read() throws IOException {
    if (!Files.isDirectory(captions)) {
      return new Texts(TextFile.lines(captions), FileDigest.sha256(captions));
    }
    CaptionedPictures pictures =
        CaptionedPictures.open(captions, new CaptionOptions(Set.copyOf(splits), List.of()));
    CaptionTexts texts = pictures.texts();
    return new Texts(
        IntStream.range(0, pictures.count())
            .mapToObj(index -> texts.all().get(texts.own(index)))
            .toList(),
        pictures.sha256());
  }
}
