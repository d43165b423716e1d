package org.halfstep.checkpoint;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;
import org.halfstep.files.DataException;
import org.halfstep.files.InputFile;
import org.halfstep.safetensors.SafetensorsFile;
import org.halfstep.safetensors.ShardedFile;
import org.halfstep.safetensors.Tensors;
import org.halfstep.torch.TorchFile;

/** Opens files of tensors by what is in them, whatever they are called. */
public final class TensorFiles {
  private static final byte[] POINTER = "version ".getBytes(StandardCharsets.US_ASCII);

  private TensorFiles() {}

  /**
   * Opens safetensors, PyTorch's files, or several by their index.
   *
   * @throws IOException in one line, when the file is damaged, is of another kind, or was not
   *     downloaded
   */
  public static Tensors open(Path path) throws IOException {
    InputFile.require(path, "a file of tensors", ".safetensors");
    requireDownloaded(path);
    if (path.getFileName().toString().endsWith(".json")) {
      requireShardsDownloaded(path);
      return ShardedFile.open(path);
    }
    return TorchFile.matches(path) ? TorchFile.open(path) : SafetensorsFile.open(path);
  }

  /** A clone without Git LFS has a few lines of text where a large file should be. */
  private static void requireDownloaded(Path path) throws IOException {
    try (InputStream in = Files.newInputStream(path)) {
      if (Arrays.equals(in.readNBytes(POINTER.length), POINTER)) {
        throw new DataException(
            path,
            "is a Git LFS pointer and not the file it stands for, which was not downloaded: run"
                + " 'git lfs pull' where it came from, or download the file itself");
      }
    }
  }

  private static void requireShardsDownloaded(Path index) throws IOException {
    String name = index.getFileName().toString();
    String stem = name.substring(0, name.indexOf('.'));
    try (Stream<Path> beside = Files.list(index.toAbsolutePath().getParent())) {
      for (Path file : beside.toList()) {
        String other = file.getFileName().toString();
        if (other.startsWith(stem) && other.endsWith(".safetensors") && Files.isRegularFile(file)) {
          requireDownloaded(file);
        }
      }
    }
  }
}
