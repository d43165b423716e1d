package org.halfstep.files;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;

/**
 * Why a file could not be used, in words: the message of a {@link FileSystemException} is often no
 * more than a path, and what wraps a failure often hides the system's own words.
 */
public final class FailureReason {
  private FailureReason() {}

  /** The words of the innermost failure of input or output, without its path. */
  public static String of(Throwable failure) {
    IOException innermost = null;
    int depth = 0;
    for (Throwable one = failure; one != null && depth < 20; one = one.getCause(), depth++) {
      if (one instanceof IOException io) {
        innermost = io;
      }
    }
    return switch (innermost) {
      case null -> orClass(failure);
      case NoSuchFileException _ -> "there is no such file or folder";
      case AccessDeniedException _ -> "access is denied";
      case FileAlreadyExistsException _ -> "exists already and is in the way";
      case NotDirectoryException _ -> "is not a folder";
      case DirectoryNotEmptyException _ -> "the folder is not empty";
      case FileSystemException e when e.getReason() != null -> e.getReason();
      case FileSystemException _ -> "cannot be used";
      default -> orClass(innermost);
    };
  }

  private static String orClass(Throwable failure) {
    String text = failure.getMessage();
    return text == null || text.isBlank() ? failure.getClass().getSimpleName() : text;
  }
}
