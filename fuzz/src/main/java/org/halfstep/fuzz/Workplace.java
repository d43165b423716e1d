package org.halfstep.fuzz;

import java.io.File;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.halfstep.checkpoint.Checkpoint;
import org.halfstep.checkpoint.CheckpointOptions;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.text.ClipTokenizer;
import org.halfstep.text.WordPieceTokenizer;

/** A folder in memory that files are written to before they are read, emptied for each. */
final class Workplace {
  private final Path root;
  private final Path folder;
  private final Map<Path, ByteBuffer> wholes = new HashMap<>();
  private Device device;
  private Checkpoint latent;
  private ClipTokenizer clip;
  private WordPieceTokenizer wordPieces;

  /**
   * @param root with the whole files that {@link Seeds} wrote; a folder of one's own is made in it
   */
  Workplace(Path root) throws IOException {
    this.root = root;
    this.folder = Files.createDirectories(root.resolve("run-" + ProcessHandle.current().pid()));
  }

  Path folder() {
    return folder;
  }

  /** A device, made when it is first needed. */
  Device device() {
    device = device == null ? new CpuDevice(1) : device;
    return device;
  }

  /** A tokenizer, made when it is first needed. */
  ClipTokenizer clip() throws IOException {
    clip = clip == null ? ClipTokenizer.open(root.resolve(Seeds.MERGES)) : clip;
    return clip;
  }

  /** The same of word pieces. */
  WordPieceTokenizer wordPieces() throws IOException {
    wordPieces =
        wordPieces == null ? WordPieceTokenizer.open(root.resolve(Seeds.WORDS)) : wordPieces;
    return wordPieces;
  }

  /** A whole UNet's file. */
  Path model() {
    return root.resolve(Seeds.MODEL);
  }

  /** A whole classifier's file. */
  Path classifier() {
    return root.resolve(Seeds.CLASSIFIER);
  }

  /** A whole model in every published layout. */
  Path tiny() {
    return root.resolve(Seeds.TINY);
  }

  /** A whole latent UNet's file. */
  Path latentUNet() {
    return root.resolve(Seeds.LATENT_UNET);
  }

  /** The whole latent model, opened when it is first needed. */
  Checkpoint latent() throws IOException {
    latent =
        latent == null
            ? Checkpoint.open(tiny().resolve("diffusers"), CheckpointOptions.standard())
            : latent;
    return latent;
  }

  /** Puts links to files of another folder, at the same places, where nothing is yet. */
  void link(Path from, String ending) throws IOException {
    try (Stream<Path> files = Files.walk(from)) {
      for (Path file : files.filter(path -> path.toString().endsWith(ending)).toList()) {
        Path target = folder.resolve(from.relativize(file).toString());
        Files.createDirectories(target.getParent());
        Files.createSymbolicLink(target, file);
      }
    }
  }

  /** Bytes of a whole file, little-endian, read once. */
  ByteBuffer whole(Path file) throws IOException {
    if (!wholes.containsKey(file)) {
      wholes.put(file, ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN));
    }
    return wholes.get(file);
  }

  /** What to begin with for a reader. */
  List<byte[]> seeds(Reader reader) throws IOException {
    List<byte[]> seeds = new ArrayList<>();
    try (Stream<Path> files = Files.list(root.resolve("seeds").resolve(reader.name()))) {
      for (Path file : files.sorted().toList()) {
        seeds.add(Files.readAllBytes(file));
      }
    }
    return seeds;
  }

  Path write(String name, byte[] bytes) throws IOException {
    Path file = folder.resolve(name);
    if (name.indexOf('/') >= 0) {
      Files.createDirectories(file.getParent());
    }
    return Files.write(file, bytes);
  }

  /** Removes what the last input left: once for each input, so by the shortest way. */
  void empty() throws IOException {
    empty(folder.toFile());
  }

  private static void empty(File folder) throws IOException {
    for (File left : folder.listFiles()) {
      // A file, a link, or an empty folder; else what is in it comes first.
      if (!left.delete()) {
        empty(left);
        if (!left.delete()) {
          throw new IOException(left + " could not be removed");
        }
      }
    }
  }
}
