package org.halfstep.attack;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;

/** A way to damage a file. */
enum Harm {
  EMPTY,
  CUT_LAST_BYTE,
  CUT_HALF,
  CUT_TO_HEADER,
  FLIP_IN_HEADER,
  FLIP_IN_MIDDLE,
  FLIP_LAST_BIT,
  ZERO_BLOCK,
  ALL_ZEROS,
  NOISE,
  ONE_BYTE_MORE,
  TWICE,
  MISSING,
  A_FOLDER,
  A_LINK_TO_NOTHING,
  A_LINK_TO_ITSELF,
  HALVES_SWAPPED,
  LAST_HALF_ZEROS,
  LONGER_THAN_MEMORY,
  BEHIND_A_MARK,
  LINES_OF_WINDOWS,
  A_PIPE,
  A_LINK_TO_A_DEVICE;

  private static final int HEADER = 64;
  private static final int BLOCK = 4096;

  /** What some editors put before a text in UTF-8. */
  private static final byte[] MARK = {(byte) 0xef, (byte) 0xbb, (byte) 0xbf};

  void to(Path file, Random random) throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    int middle = bytes.length / 2;
    switch (this) {
      case EMPTY -> Files.write(file, new byte[0]);
      case CUT_LAST_BYTE -> Files.write(file, Arrays.copyOf(bytes, bytes.length - 1));
      case CUT_HALF -> Files.write(file, Arrays.copyOf(bytes, middle));
      case CUT_TO_HEADER -> Files.write(file, Arrays.copyOf(bytes, Math.min(HEADER, middle)));
      case FLIP_IN_HEADER -> flip(file, random.nextInt(Math.min(HEADER, bytes.length)), random);
      case FLIP_IN_MIDDLE -> flip(file, middle + random.nextInt(middle / 2 + 1), random);
      case FLIP_LAST_BIT -> flip(file, bytes.length - 1, random);
      case ZERO_BLOCK -> {
        int from = random.nextInt(middle + 1);
        Arrays.fill(bytes, from, Math.min(from + BLOCK, bytes.length), (byte) 0);
        Files.write(file, bytes);
      }
      case ALL_ZEROS -> Files.write(file, new byte[bytes.length]);
      case NOISE -> {
        random.nextBytes(bytes);
        Files.write(file, bytes);
      }
      case ONE_BYTE_MORE -> Files.write(file, Arrays.copyOf(bytes, bytes.length + 1));
      case TWICE -> {
        byte[] twice = Arrays.copyOf(bytes, 2 * bytes.length);
        System.arraycopy(bytes, 0, twice, bytes.length, bytes.length);
        Files.write(file, twice);
      }
      case MISSING -> Files.delete(file);
      case A_FOLDER -> {
        Files.delete(file);
        Files.createDirectory(file);
      }
      case A_LINK_TO_NOTHING -> {
        Files.delete(file);
        Files.createSymbolicLink(file, Path.of("nowhere"));
      }
      case A_LINK_TO_ITSELF -> {
        Files.delete(file);
        Files.createSymbolicLink(file, file.getFileName());
      }
      case HALVES_SWAPPED -> {
        byte[] swapped = Arrays.copyOfRange(bytes, middle, bytes.length + middle);
        System.arraycopy(bytes, 0, swapped, bytes.length - middle, middle);
        Files.write(file, swapped);
      }
      case LAST_HALF_ZEROS -> {
        Arrays.fill(bytes, middle, bytes.length, (byte) 0);
        Files.write(file, bytes);
      }
      // A file of holes, which take no room on the disk.
      case LONGER_THAN_MEMORY -> {
        try (RandomAccessFile open = new RandomAccessFile(file.toFile(), "rw")) {
          open.setLength(1L << 40);
        }
      }
      case BEHIND_A_MARK -> {
        byte[] marked = Arrays.copyOf(MARK, MARK.length + bytes.length);
        System.arraycopy(bytes, 0, marked, MARK.length, bytes.length);
        Files.write(file, marked);
      }
      case LINES_OF_WINDOWS ->
          Files.writeString(
              file,
              new String(bytes, StandardCharsets.ISO_8859_1).replace("\n", "\r\n"),
              StandardCharsets.ISO_8859_1);
      case A_PIPE -> {
        Files.delete(file);
        new ProcessBuilder("mkfifo", file.toString()).start().onExit().join();
      }
      case A_LINK_TO_A_DEVICE -> {
        Files.delete(file);
        Files.createSymbolicLink(file, Path.of("/dev/zero"));
      }
    }
  }

  private static void flip(Path file, int at, Random random) throws IOException {
    try (RandomAccessFile open = new RandomAccessFile(file.toFile(), "rw")) {
      open.seek(at);
      int old = open.read();
      open.seek(at);
      open.write(old ^ 1 << random.nextInt(Byte.SIZE));
    }
  }

  /** Whether a model with it is a model like any other, since its numbers are some numbers. */
  boolean mayBeAModel() {
    return this == FLIP_IN_MIDDLE
        || this == FLIP_LAST_BIT
        || this == ZERO_BLOCK
        || this == LAST_HALF_ZEROS;
  }
}
