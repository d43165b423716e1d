package org.halfstep.train;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.halfstep.files.FileDigest;
import org.halfstep.files.Json;

/**
 * A complete checkpoint: a numbered folder of files, one of which is the run's {@link Progress}
 * with size and SHA-256 of each of the others, and of itself. So no part can be cut short, changed,
 * or come from another checkpoint without being noticed. The progress is read once, when it is
 * first asked for: nobody writes to a complete checkpoint.
 */
final class Checkpoint {
  static final String PROGRESS = "progress.json";

  private static final String PARTS = "parts";
  private static final String BYTES = "bytes";
  private static final String SHA_256 = "sha256";

  /** What the progress file holds: {@code parts} is null in one that an older version wrote. */
  private record Contents(Progress progress, ObjectNode parts) {}

  private final Path folder;
  private final long number;
  private Contents contents;

  /**
   * @param number higher is later
   */
  Checkpoint(Path folder, long number) {
    this.folder = folder;
    this.number = number;
  }

  Path folder() {
    return folder;
  }

  long number() {
    return number;
  }

  /** Writes the progress beside parts that are complete. */
  static void write(Path folder, Progress progress, List<String> parts) throws IOException {
    ObjectNode node = (ObjectNode) Json.tree(progress);
    ObjectNode digests = node.putObject(PARTS);
    for (String part : parts) {
      Path file = folder.resolve(part);
      digests.putObject(part).put(BYTES, Files.size(file)).put(SHA_256, FileDigest.sha256(file));
    }
    node.put(SHA_256, sha256(node));
    Json.write(folder.resolve(PROGRESS), node);
  }

  /**
   * Where the run stood.
   *
   * @throws IOException with what is wrong in one line, when that is not known
   */
  Progress progress() throws IOException {
    return contents().progress();
  }

  /**
   * Compares the parts with what was written.
   *
   * @return whether there was something to compare them with
   * @throws IOException with the first difference in one line
   */
  boolean verify() throws IOException {
    ObjectNode parts = contents().parts();
    if (parts == null) {
      return false;
    }
    for (Map.Entry<String, JsonNode> part : parts.properties()) {
      Path file = folder.resolve(part.getKey()).normalize();
      if (!folder.equals(file.getParent())) {
        throw new IOException(PROGRESS + " names a part outside the checkpoint");
      }
      verify(file, part.getValue());
    }
    return true;
  }

  private static void verify(Path file, JsonNode stated) throws IOException {
    String name = file.getFileName().toString();
    if (!Files.exists(file)) {
      throw new IOException(name + " is missing");
    }
    long bytes = stated.path(BYTES).asLong(-1);
    if (Files.size(file) != bytes) {
      throw new IOException(name + " has " + Files.size(file) + " bytes, not " + bytes);
    }
    if (!FileDigest.sha256(file).equals(stated.path(SHA_256).asText())) {
      throw new IOException(name + " is not what was written: its SHA-256 differs");
    }
  }

  private Contents contents() throws IOException {
    if (contents == null) {
      contents = read();
    }
    return contents;
  }

  private Contents read() throws IOException {
    ObjectNode node;
    try {
      node = Json.read(ObjectNode.class, folder.resolve(PROGRESS));
    } catch (NoSuchFileException missing) {
      throw new IOException(PROGRESS + " is missing", missing);
    }
    Optional<JsonNode> stated = Optional.ofNullable(node.remove(SHA_256));
    if (stated.isPresent() && !stated.get().asText().equals(sha256(node))) {
      throw new IOException(PROGRESS + " is not what was written: its SHA-256 differs");
    }
    JsonNode parts = node.remove(PARTS);
    try {
      return new Contents(Json.convert(Progress.class, node), (ObjectNode) parts);
    } catch (IllegalArgumentException | ClassCastException none) {
      throw new IOException(PROGRESS + " is not the progress of a run: " + none.getMessage(), none);
    }
  }

  private static String sha256(ObjectNode node) {
    try {
      byte[] text = Json.text(node).getBytes(StandardCharsets.UTF_8);
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(text));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }
}
