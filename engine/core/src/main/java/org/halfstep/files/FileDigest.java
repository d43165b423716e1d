package org.halfstep.files;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** Identifies a file by its bytes. */
public final class FileDigest {
  private FileDigest() {}

  /** A SHA-256 of nothing yet. */
  public static MessageDigest begin() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  /**
   * SHA-256 of a file, in hexadecimal.
   *
   * @throws IOException when it cannot be read
   */
  public static String sha256(Path file) throws IOException {
    InputFile.require(file, "a file", "");
    try (InputStream in = Files.newInputStream(file);
        DigestInputStream digest = new DigestInputStream(in, begin())) {
      digest.transferTo(OutputStream.nullOutputStream());
      return HexFormat.of().formatHex(digest.getMessageDigest().digest());
    }
  }
}
