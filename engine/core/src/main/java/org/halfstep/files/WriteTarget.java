package org.halfstep.files;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFilePermission;
import java.util.Set;

/**
 * Where the bytes of a result go: the file behind any links, and whether it is replaced or written
 * to.
 *
 * @param file absolute, no link itself
 * @param isWrittenThrough whether it is a device, a pipe or an open file of a process, which are
 *     opened and written to; replacing would take them away
 */
record WriteTarget(Path file, boolean isWrittenThrough) {
  private static final int MOST_LINKS = 40;
  private static final Path OPEN_FILES = Path.of("/proc");

  /**
   * Looks at what is there.
   *
   * @throws IOException when it cannot be written: a folder, a file without write permission, links
   *     in a circle
   */
  static WriteTarget of(Path path) throws IOException {
    Path file = behindLinks(path);
    if (Files.isSymbolicLink(file)) {
      return new WriteTarget(file, true);
    }
    if (file.getFileName() == null || Files.isDirectory(file)) {
      throw new IOException(path + ": is a folder, expected the name of a file to write");
    }
    if (!Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
      return new WriteTarget(file, false);
    }
    if (!Files.isWritable(file)) {
      throw new IOException(path + ": is write-protected: access is denied");
    }
    BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
    return new WriteTarget(file, !attributes.isRegularFile());
  }

  /**
   * What a path leads to: absolute, and no link itself but that to an open file.
   *
   * @throws IOException when links lead in a circle
   */
  static Path behindLinks(Path path) throws IOException {
    Path file = path.toAbsolutePath();
    for (int links = 0; Files.isSymbolicLink(file) && !isOpenFile(file); links++) {
      if (links == MOST_LINKS) {
        throw new IOException(path + ": its links lead in a circle");
      }
      file = file.resolveSibling(Files.readSymbolicLink(file)).toAbsolutePath();
    }
    return file;
  }

  /** Links such as /proc/self/fd/1 stand for what a process has open, not for a path. */
  private static boolean isOpenFile(Path link) throws IOException {
    return link.getParent().toRealPath().startsWith(OPEN_FILES);
  }

  Path folder() {
    return file.getParent();
  }

  /** Gives another file the permissions of this one, where this one is there. */
  void giveMode(Path other) throws IOException {
    PosixFileAttributeView mine = Files.getFileAttributeView(file, PosixFileAttributeView.class);
    PosixFileAttributeView its = Files.getFileAttributeView(other, PosixFileAttributeView.class);
    if (mine == null || its == null || !Files.exists(file)) {
      return;
    }
    Set<PosixFilePermission> wanted = mine.readAttributes().permissions();
    if (!wanted.equals(its.readAttributes().permissions())) {
      its.setPermissions(wanted);
    }
  }
}
