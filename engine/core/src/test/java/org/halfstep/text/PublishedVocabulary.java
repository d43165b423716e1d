package org.halfstep.text;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/** CLIP's published vocabulary, where {@code make data-clip} has put it. */
public final class PublishedVocabulary {
  private static final String PROPERTY = "halfstep.clip";
  private static final String BESIDE_THE_MODULES = "../../data/clip";

  private PublishedVocabulary() {}

  public static Optional<Path> file() {
    Path file = Path.of(System.getProperty(PROPERTY, BESIDE_THE_MODULES), "merges.txt");
    return Optional.of(file).filter(Files::isRegularFile);
  }
}
