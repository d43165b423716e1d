package org.halfstep.device.cuda.cudnn;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Optional;

/**
 * Execution plans on disk, one file each: finding an engine takes milliseconds, but compiling a
 * fused convolution takes seconds. A plan is valid for one GPU, driver and set of library versions,
 * which are part of its key. A file that is damaged or belongs to another key is not used, and one
 * that cannot be written is done without: the cache never decides whether something works.
 *
 * <p>A file's first line is the key, its second the SHA-256 of the rest.
 */
final class CudnnPlanCache {
  private final Path folder;
  private final String environment;

  /**
   * @param folder made when the first plan is written; null for no cache
   * @param environment GPU, driver and versions
   */
  CudnnPlanCache(Path folder, String environment) {
    this.folder = folder;
    this.environment = environment.replaceAll("\\s+", " ");
  }

  /**
   * {@code HALFSTEP_CACHE}, else {@code XDG_CACHE_HOME/halfstep}, else {@code ~/.cache/halfstep}.
   */
  static Path defaultFolder() {
    String named = System.getenv("HALFSTEP_CACHE");
    if (named != null && !named.isBlank()) {
      return Path.of(named);
    }
    String caches = System.getenv("XDG_CACHE_HOME");
    Path parent =
        caches != null && !caches.isBlank()
            ? Path.of(caches)
            : Path.of(System.getProperty("user.home"), ".cache");
    return parent.resolve("halfstep");
  }

  /** The plan that was stored under a key, if it is there and whole. */
  Optional<String> load(String key) {
    if (folder == null) {
      return Optional.empty();
    }
    try {
      String[] parts = Files.readString(file(key), StandardCharsets.UTF_8).split("\n", 3);
      boolean whole =
          parts.length == 3 && parts[0].equals(full(key)) && parts[1].equals(digest(parts[2]));
      return whole ? Optional.of(parts[2]) : Optional.empty();
    } catch (IOException absent) {
      return Optional.empty();
    }
  }

  /** Stores a plan; another process sees all of it or nothing. */
  void store(String key, String plan) {
    if (folder == null) {
      return;
    }
    Path written = null;
    try {
      Files.createDirectories(folder);
      written = Files.createTempFile(folder, "plan-", ".new");
      Files.writeString(written, full(key) + "\n" + digest(plan) + "\n" + plan);
      Files.move(
          written, file(key), StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException unwritable) {
      discard(written);
    }
  }

  /** Forgets a plan that cuDNN did not take. */
  void remove(String key) {
    if (folder != null) {
      discard(file(key));
    }
  }

  private static void discard(Path file) {
    try {
      if (file != null) {
        Files.deleteIfExists(file);
      }
    } catch (IOException stays) {
      // It will be overwritten by the next plan of this key.
    }
  }

  private String full(String key) {
    return environment + "; " + key.replaceAll("\\s+", " ");
  }

  private Path file(String key) {
    return folder.resolve("cudnn-" + digest(full(key)).substring(0, 32) + ".plan");
  }

  private static String digest(String text) {
    try {
      byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException missing) {
      throw new IllegalStateException(missing);
    }
  }
}
