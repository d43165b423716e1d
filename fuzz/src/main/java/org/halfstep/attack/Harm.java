package org.halfstep.attack;

import java.io.IOException;
import java.io.RandomAccessFile;
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
  A_LINK_TO_ITSELF;

  private static final int HEADER = 64;
  private static final int BLOCK = 4096;

  void to(Path file, Random random) throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    int middle = bytes.length / 2;
    switch (this) {
      case EMPTY -> Files.write(file, new byte[0]);
      case CUT_LAST_BYTE -> Files.write(file, Arrays.copyOf(bytes, bytes.length - 1));
      case CUT_HALF -> Files.write(file, Arrays.copyOf(bytes, middle));
      case CUT_TO_HEADER -> Files.write(file, Arrays.copyOf(bytes, Math.min(HEADER, middle)));
      case FLIP_IN_HEADER -> flip(file, random.nextInt(Math.min(HEADER, bytes.length)), random);
      case FLIP_IN_MIDDLE -> flip(file, middle + random.nextInt(middle / 2), random);
      case FLIP_LAST_BIT -> flip(file, bytes.length - 1, random);
      case ZERO_BLOCK -> {
        int from = random.nextInt(middle);
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
    return this == FLIP_IN_MIDDLE || this == FLIP_LAST_BIT || this == ZERO_BLOCK;
  }
}
