import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Writes the enum of the kernels from the C headers, so that kernels and arguments are said there
 * alone: {@code java KernelSource.java HEADERS TEMPLATE OUTPUT}. Maven runs it before it compiles;
 * {@code scripts/verify-bindings} asks the C++ compiler whether the headers were read as it reads
 * them.
 *
 * <p>What it reads of C is what the headers consist of: structs of numbers and pointers, each with
 * a name that begins with "hs_", and the lines that name kernels. Anything else in a struct is
 * refused.
 */
final class KernelSource {
  private static final String PREFIX = "hs_";
  private static final Pattern INCLUDE =
      Pattern.compile("#include \"(halfstep_\\w+\\.(?:h|inc))\"");
  private static final Pattern KERNEL =
      Pattern.compile("^HS_LAUNCH(?:_CPU)?\\(hs_(\\w+), hs_(\\w+)\\)$", Pattern.MULTILINE);
  private static final Pattern STRUCT =
      Pattern.compile("^struct hs_(\\w+) \\{\\n(.*?)^\\};$", Pattern.MULTILINE | Pattern.DOTALL);
  private static final Pattern FIELDS = Pattern.compile("(?:const )?(?:struct )?(\\w+) (.+)");

  /** How {@code Struct} has the numbers of C. */
  private static final Map<String, String> NUMBERS =
      Map.of(
          "int64_t", "int64",
          "uint64_t", "int64",
          "int32_t", "int32",
          "uint32_t", "int32",
          "float", "float32",
          "double", "float64");

  private record Field(String type, String name) {}

  private KernelSource() {}

  public static void main(String[] arguments) throws IOException {
    if (arguments.length != 3) {
      throw new IllegalArgumentException("expected: KernelSource.java HEADERS TEMPLATE OUTPUT");
    }
    String header = header(Path.of(arguments[0], "halfstep.h"));
    Path output = Path.of(arguments[2]);
    String source =
        Files.readString(Path.of(arguments[1]))
            .replace("@KERNELS@", kernels(header))
            .replace("@STRUCTS@", structs(header));
    // An output that stays as it is need not be compiled again.
    if (!Files.exists(output) || !Files.readString(output).equals(source)) {
      Files.createDirectories(output.getParent());
      Files.writeString(output, source);
    }
  }

  /** A header without comments, with the headers of ours that it includes. */
  private static String header(Path path) throws IOException {
    StringBuilder text = new StringBuilder();
    for (String line : Files.readAllLines(path)) {
      Matcher include = INCLUDE.matcher(line);
      text.append(
          include.matches()
              ? header(path.resolveSibling(include.group(1)))
              : line.replaceFirst("\\s*//.*", "") + "\n");
    }
    return text.toString();
  }

  private static String kernels(String header) {
    return matches(
        KERNEL,
        header,
        ",\n",
        kernel -> "  %s(Structs.%s)".formatted(constant(kernel, 1), constant(kernel, 2)));
  }

  private static String structs(String header) {
    return matches(
        STRUCT,
        header,
        "\n\n",
        struct ->
            "    static final Struct %s =\n        Struct.of(\n            \"%s%s\",\n%s);"
                .formatted(constant(struct, 1), PREFIX, struct.group(1), groups(struct)));
  }

  private static String matches(
      Pattern pattern, String text, String between, Function<Matcher, String> line) {
    Matcher matcher = pattern.matcher(text);
    List<String> lines = new ArrayList<>();
    while (matcher.find()) {
      lines.add(line.apply(matcher));
    }
    if (lines.isEmpty()) {
      throw new IllegalStateException("nothing in the headers looks like " + pattern);
    }
    return String.join(between, lines);
  }

  private static String constant(Matcher matcher, int group) {
    return matcher.group(group).toUpperCase(Locale.ROOT);
  }

  /** The fields of a struct, with those of one type side by side. */
  private static String groups(Matcher struct) {
    List<List<Field>> groups = new ArrayList<>();
    for (Field field : fields(struct.group(1), struct.group(2))) {
      if (groups.isEmpty() || !groups.getLast().getFirst().type().equals(field.type())) {
        groups.add(new ArrayList<>());
      }
      groups.getLast().add(field);
    }
    return groups.stream()
        .map(
            group ->
                group.stream()
                    .map(field -> '"' + field.name() + '"')
                    .collect(
                        Collectors.joining(
                            ", ", "            " + group.getFirst().type() + "(", ")")))
        .collect(Collectors.joining(",\n"));
  }

  private static List<Field> fields(String struct, String body) {
    List<Field> fields = new ArrayList<>();
    for (String declaration : body.split(";")) {
      String text = declaration.strip().replaceAll("\\s+", " ");
      if (text.isEmpty()) {
        continue;
      }
      Matcher parts = FIELDS.matcher(text);
      if (!parts.matches()) {
        throw refused(struct, text);
      }
      for (String name : parts.group(2).split(", ")) {
        boolean isPointer = name.startsWith("*");
        String type = isPointer ? "pointer" : NUMBERS.get(parts.group(1));
        String plain = isPointer ? name.substring(1) : name;
        if (type == null || !plain.matches("\\w+")) {
          throw refused(struct, text);
        }
        fields.add(new Field(type, plain));
      }
    }
    return fields;
  }

  private static IllegalStateException refused(String struct, String declaration) {
    return new IllegalStateException(
        "struct "
            + PREFIX
            + struct
            + ": '"
            + declaration
            + "' is neither numbers of "
            + NUMBERS.keySet()
            + " nor pointers: use these");
  }
}
