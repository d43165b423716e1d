package org.halfstep.checkpoint;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.halfstep.files.DataException;

/**
 * Which file of a component's folder has its weights: one file or the index of several, safetensors
 * before PyTorch's, the plain one or a variant. Source: specification 1.1.
 */
final class WeightFiles {
  private static final String INDEX = ".safetensors.index";

  private WeightFiles() {}

  /**
   * Chooses a file.
   *
   * @param variant the one that is wanted, or null for the plain one
   * @param notes takes a line where another than the plain one is taken unasked
   * @throws DataException in one line, when there is none, or not the one that is wanted
   */
  static Path choose(Path folder, Part part, String variant, Consumer<String> notes)
      throws IOException {
    if (variant != null) {
      requireName(variant);
      return find(folder, part, variant)
          .orElseThrow(
              () -> {
                SortedSet<String> others = variants(folder, part);
                return new DataException(
                    folder,
                    "has no weights of variant "
                        + variant
                        + (others.isEmpty() ? "" : "; it has " + String.join(", ", others))
                        + (find(folder, part, null).isPresent() ? "; it has plain ones" : ""));
              });
    }
    Optional<Path> plain = find(folder, part, null);
    if (plain.isPresent()) {
      return plain.get();
    }
    SortedSet<String> variants = variants(folder, part);
    if (variants.size() == 1) {
      String only = variants.first();
      notes.accept(folder + ": has no plain weights: variant " + only + " is taken");
      return find(folder, part, only).orElseThrow();
    }
    throw new DataException(
        folder,
        variants.isEmpty()
            ? "has no weights: expected " + part.stem() + ".safetensors"
            : "has no plain weights, but the variants "
                + String.join(", ", variants)
                + ": name one of them");
  }

  static void requireName(String variant) {
    if (!variant.matches("[A-Za-z0-9_]{1,32}")) {
      throw new IllegalArgumentException(
          "variant " + variant + ": expected letters, digits and underscores, such as fp16");
    }
  }

  private static Optional<Path> find(Path folder, Part part, String variant) {
    return names(part, variant).stream()
        .map(folder::resolve)
        .filter(Files::isRegularFile)
        .findFirst();
  }

  /** What the weights of a variant can be called, the preferred name first. */
  private static List<String> names(Part part, String variant) {
    List<String> names = new ArrayList<>();
    String dotted = variant == null ? "" : "." + variant;
    names.add(part.stem() + dotted + ".safetensors");
    names.add(part.stem() + INDEX + dotted + ".json");
    if (variant != null) {
      names.add(part.stem() + ".safetensors" + dotted + ".index.json");
    }
    names.add(part.torchStem() + dotted + ".bin");
    return names;
  }

  private static SortedSet<String> variants(Path folder, Part part) {
    String stem = Pattern.quote(part.stem());
    Pattern pattern =
        Pattern.compile(
            stem
                + "\\.(\\w+)\\.safetensors|"
                + stem
                + "\\.safetensors\\.index\\.(\\w+)\\.json|"
                + stem
                + "\\.safetensors\\.(\\w+)\\.index\\.json|"
                + Pattern.quote(part.torchStem())
                + "\\.(\\w+)\\.bin");
    SortedSet<String> variants = new TreeSet<>();
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : files.toList()) {
        Matcher name = pattern.matcher(file.getFileName().toString());
        if (name.matches()) {
          for (int group = 1; group <= name.groupCount(); group++) {
            if (name.group(group) != null) {
              variants.add(name.group(group));
            }
          }
        }
      }
    } catch (IOException unreadable) {
      // A folder that cannot be listed has no variants to name; opening a file in it says why.
      return variants;
    }
    variants.remove("index");
    return variants;
  }
}
