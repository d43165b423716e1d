package org.halfstep.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.halfstep.checkpoint.BundledCheckpoint;
import org.halfstep.checkpoint.Checkpoint;
import org.halfstep.checkpoint.CheckpointOptions;
import org.halfstep.checkpoint.Component;
import org.halfstep.checkpoint.ComponentFile;
import org.halfstep.checkpoint.Part;
import org.halfstep.checkpoint.UNetDescription;
import org.halfstep.cli.console.InputException;
import org.halfstep.cli.console.Sizes;
import org.halfstep.device.Owned;
import org.halfstep.files.AtomicFile;
import org.halfstep.model.ModelCard;
import org.halfstep.safetensors.Dtype;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Writes the files of latent models that an engine carries: what they share once. */
@Command(
    name = "bundle",
    description = {
      "Write a latent teacher and its students as the files that an engine bundles, in bfloat16:"
          + " a UNet each, and one first stage and one text encoder for all of them.",
      "In engine/models they are bundled by the next build; in any folder they are found by"
          + " HALFSTEP_JVM=-Dhalfstep.models=FOLDER."
    },
    footer = {
      "  halfstep bundle --teacher out/pictures/teacher --students out/students/student-4 \\",
      "    --out engine/models/src/main/resources/org/halfstep/models"
    })
final class BundleCommand implements Callable<Integer> {
  /** What all files together may have. */
  private static final long MOST_BYTES = 66_000_000;

  @Spec private CommandLine.Model.CommandSpec spec;

  @Option(
      names = "--teacher",
      required = true,
      paramLabel = "FOLDER",
      description = "The teacher, a folder of diffusers; first stage and text encoder are its.")
  private Path teacher;

  @Option(
      names = "--students",
      split = ",",
      paramLabel = "FOLDER",
      description =
          "Its students, of pictures and of parts of pictures: folders of diffusers with the same"
              + " first stage and text encoder.")
  private List<Path> students = List.of();

  @Option(
      names = "--out",
      required = true,
      paramLabel = "FOLDER",
      description = "Where the files go.")
  private Path folder;

  /** A file to be written. */
  private record Piece(Checkpoint from, Part part) {}

  @Override
  public Integer call() throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    String family = BundledCheckpoint.FAMILY;
    Map<String, Piece> pieces = new LinkedHashMap<>();
    try (Owned owned = new Owned()) {
      Checkpoint first = owned.add(Checkpoint.open(teacher, CheckpointOptions.standard()));
      ModelCard card = card(first, teacher);
      if (card.role() != ModelCard.Role.TEACHER) {
        throw new InputException(teacher + ": is no teacher, but a " + card.role());
      }
      pieces.put(BundledCheckpoint.autoencoder(family), new Piece(first, Part.AUTOENCODER));
      pieces.put(BundledCheckpoint.text(family), new Piece(first, Part.TEXT_ENCODER));
      pieces.put(BundledCheckpoint.teacher(family), new Piece(first, Part.UNET));
      for (Path student : students) {
        Checkpoint opened = owned.add(Checkpoint.open(student, CheckpointOptions.standard()));
        requireSame(first, opened, Part.AUTOENCODER);
        requireSame(first, opened, Part.TEXT_ENCODER);
        String name = name(family, opened, student);
        if (pieces.putIfAbsent(name, new Piece(opened, Part.UNET)) != null) {
          throw new InputException(student + ": is a second " + name);
        }
      }
      requireRoom(pieces);
      AtomicFile.requireWritableFolder(folder);
      for (Map.Entry<String, Piece> piece : pieces.entrySet()) {
        Path file = folder.resolve(piece.getKey() + ".safetensors");
        ComponentFile.write(piece.getValue().from(), piece.getValue().part(), file, Dtype.BF16);
        out.println(file + ": " + Sizes.bytes(Files.size(file)));
      }
    }
    return 0;
  }

  private static Component part(Checkpoint checkpoint, Part part) {
    return checkpoint
        .component(part)
        .orElseThrow(
            () ->
                new InputException(
                    checkpoint.path() + ": has no " + part.title() + "; expected a whole model"));
  }

  private static ModelCard card(Checkpoint checkpoint, Path path) throws IOException {
    return part(checkpoint, Part.UNET)
        .card()
        .orElseThrow(
            () ->
                new InputException(
                    path + ": is not a model that Halfstep trained: its UNet has no card"));
  }

  private static String name(String family, Checkpoint student, Path path) throws IOException {
    ModelCard card = card(student, path);
    if (card.role() != ModelCard.Role.STUDENT) {
      throw new InputException(path + ": is no student, but a " + card.role());
    }
    UNetDescription unet = (UNetDescription) part(student, Part.UNET).network();
    return BundledCheckpoint.student(family, unet.inChannels() > unet.outChannels(), card.steps());
  }

  private static void requireSame(Checkpoint teacher, Checkpoint student, Part part) {
    if (!part(teacher, part).sha256().equals(part(student, part).sha256())) {
      throw new InputException(
          student.path()
              + ": has another "
              + part.title()
              + " than "
              + teacher.path()
              + ": expected a student of that teacher");
    }
  }

  private static void requireRoom(Map<String, Piece> pieces) {
    long bytes =
        pieces.values().stream()
            .mapToLong(
                piece ->
                    Dtype.BF16.bytes() * part(piece.from(), piece.part()).network().parameters())
            .sum();
    if (bytes > MOST_BYTES) {
      throw new InputException(
          "the files would have "
              + Sizes.bytes(bytes)
              + " together, more than the "
              + Sizes.bytes(MOST_BYTES)
              + " that an engine carries: leave out a student, or train smaller networks");
    }
  }
}
