package org.halfstep.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Makes report.md and report.json from the logs that {@code bench/gpu/run} left in a folder. Parts
 * that have not run are not mentioned; of a part that ran twice the last run counts.
 */
public final class GpuReport {
  private static final Pattern RESULT =
      Pattern.compile(
          "RESULT (\\S+) ([SMLDV]) (forward|train) batch (\\d+): median ([\\d.]+) ms min ([\\d.]+) ms"
              + " max ([\\d.]+) n (\\d+).*");
  private static final Pattern WORK =
      Pattern.compile("(\\d+) launches, ([\\d.]+) GFLOP, ([\\d.]+) GB in (\\w+)");
  private static final Pattern PRODUCT =
      Pattern.compile("CEILING product (\\w+) \\d+: ([\\d.]+) T.*");
  private static final Pattern COPY = Pattern.compile("CEILING copy .*: ([\\d.]+) GB/s");
  private static final String OURS = "halfstep";
  private static final String COMPILED = "torch-compile";
  private static final String COMPILED_SHORT = "torch-compile-reduce-overhead";

  /** One process's measurement. */
  private record Run(double median, double min, double max, int runs) {}

  private final Path folder;
  private final Map<String, String[]> parts = new LinkedHashMap<>();
  private final Map<String, Double> ceilings = new LinkedHashMap<>();

  /** By case ("S forward batch 16"), then by engine. */
  private final Map<String, Map<String, List<Run>>> runs = new TreeMap<>();

  private final Map<String, Roofline.Work> work = new LinkedHashMap<>();
  private final Map<String, String> precisions = new LinkedHashMap<>();

  private GpuReport(Path folder) throws IOException {
    this.folder = folder;
    for (String line : lines("parts.tsv")) {
      String[] fields = line.split("\t");
      if (fields.length == 3) {
        parts.put(fields[0], fields);
      }
    }
    for (String line : lines("ceilings.log")) {
      Matcher product = PRODUCT.matcher(line);
      Matcher copy = COPY.matcher(line);
      if (product.matches()) {
        ceilings.put("TFLOP/s " + product.group(1), Double.valueOf(product.group(2)));
      } else if (copy.matches()) {
        ceilings.merge("GB/s", Double.valueOf(copy.group(1)), Math::max);
      }
    }
    for (String part : parts.keySet()) {
      if (part.startsWith("speed-")) {
        String way = way(part);
        lines(part + ".log").forEach(line -> readResult(line, way));
      }
    }
  }

  /** Writes the report. */
  public static void main(String[] arguments) throws IOException {
    GpuReport report = new GpuReport(Path.of(arguments[0]));
    Path markdown = report.folder.resolve("report.md");
    Files.writeString(markdown, report.markdown());
    new ObjectMapper()
        .enable(SerializationFeature.INDENT_OUTPUT)
        .writeValue(report.folder.resolve("report.json").toFile(), report.json());
    System.out.println("report: " + markdown);
  }

  private List<String> lines(String name) throws IOException {
    Path file = folder.resolve(name);
    return Files.exists(file) ? Files.readAllLines(file) : List.of();
  }

  /** Of speed-S-forward-64-WAY the way that is compared with others, with a space before it. */
  private static String way(String part) {
    String[] words = part.split("-", 5);
    boolean engines = words.length == 5 && Set.of("eager", "compile", "reduced").contains(words[4]);
    return words.length < 5 || engines ? "" : " " + words[4];
  }

  private void readResult(String line, String way) {
    Matcher result = RESULT.matcher(line);
    if (!result.matches()) {
      return;
    }
    String name = result.group(2) + " " + result.group(3) + " batch " + result.group(4) + way;
    runs.computeIfAbsent(name, missing -> new LinkedHashMap<>())
        .computeIfAbsent(result.group(1), missing -> new ArrayList<>())
        .add(
            new Run(
                Double.parseDouble(result.group(5)),
                Double.parseDouble(result.group(6)),
                Double.parseDouble(result.group(7)),
                Integer.parseInt(result.group(8))));
    Matcher cost = WORK.matcher(line);
    if (cost.find()) {
      work.put(
          name,
          new Roofline.Work(
              Double.parseDouble(cost.group(2)),
              Double.parseDouble(cost.group(3)),
              Integer.parseInt(cost.group(1))));
      precisions.put(name, cost.group(4));
    }
  }

  private String markdown() throws IOException {
    StringBuilder text = new StringBuilder("# Evidence of one machine\n\n## Machine\n\n");
    lines("machine.log").forEach(line -> text.append("    ").append(line).append('\n'));
    text.append(
        "\n## Parts\n\n| part | result | seconds | what it said |\n| --- | --- | --- | --- |\n");
    for (String[] part : parts.values()) {
      text.append(
          String.format(
              "| %s | %s | %s | %s |%n", part[0], part[1], part[2], summary(part[0] + ".log")));
    }
    if (!ceilings.isEmpty()) {
      text.append("\n## Ceilings, measured\n\n");
      ceilings.forEach(
          (name, value) -> text.append("- ").append(name).append(": ").append(value).append('\n'));
    }
    List<String> names = runs.keySet().stream().filter(name -> !isLatent(name)).toList();
    if (!names.isEmpty()) {
      text.append(
          "\n## Speed\n\nMedian of the processes' medians in milliseconds, their spread in brackets."
              + " The share is of the measured product in the same precision and of the measured copy."
              + " Compiled is max-autotune; (short) is reduce-overhead, where the search took too long.\n\n");
      text.append(
          "| work | Halfstep | of product | of copy | PyTorch eager | compiled | eager / ours | compiled / ours |\n");
      text.append("| --- | --- | --- | --- | --- | --- | --- | --- |\n");
      names.forEach(name -> text.append(row(name)).append('\n'));
      text.append(
          "\n## Floors, guesses and what was measured\n\nMilliseconds. Floors are those of the"
              + " measured ceilings, each alone; guesses were made before anything had run on a"
              + " GPU.\n\n");
      text.append(Roofline.HEADER);
      for (String name : names) {
        text.append(
            Roofline.row(
                name,
                work.get(name),
                ceilings.get("TFLOP/s " + precisions.get(name)),
                ceilings.get("GB/s"),
                median(name, OURS),
                median(name, compiled(name))));
      }
    }
    text.append(latentNetworks());
    text.append("\nEvery log lies beside this file; profiles are in profile.log.\n");
    return text.toString();
  }

  /** The lines of a log that say how it went, on one line. */
  private String summary(String log) throws IOException {
    List<String> said = new ArrayList<>();
    for (String line : lines(log)) {
      if (line.matches("(CHECK|SKIPPED|PRECISION|TOOL) .*")
          || line.matches("\\[ +\\d+ tests (successful|failed) +\\]")
          || line.matches("\\d+ comparisons, .*")
          || line.contains("RACECHECK SUMMARY")
          || line.contains("ERROR SUMMARY")) {
        said.add(line.replaceAll("[\\[\\]|]", " ").replaceAll("\\s+", " ").strip());
      }
    }
    return String.join("; ", said);
  }

  private String row(String name) {
    double ours = median(name, OURS);
    double eager = median(name, "torch-eager");
    double compiled = median(name, compiled(name));
    Roofline.Work cost = work.get(name);
    Double flops = ceilings.get("TFLOP/s " + precisions.get(name));
    Double bytes = ceilings.get("GB/s");
    return String.format(
        Locale.ROOT,
        "| %s | %s | %s | %s | %s | %s | %s | %s |",
        name,
        cell(name, OURS),
        cost == null || flops == null ? "" : percent(cost.gigaflops() / ours / flops),
        cost == null || bytes == null ? "" : percent(cost.gigabytes() * 1e3 / ours / bytes),
        cell(name, "torch-eager"),
        cell(name, compiled(name)) + (compiled(name).equals(COMPILED_SHORT) ? " (short)" : ""),
        ratio(eager / ours),
        ratio(compiled / ours));
  }

  /**
   * The engine that torch.compile in its best mode is; with less of a search where it is all there
   * is.
   */
  private String compiled(String name) {
    Map<String, List<Run>> engines = runs.get(name);
    return !engines.containsKey(COMPILED) && engines.containsKey(COMPILED_SHORT)
        ? COMPILED_SHORT
        : COMPILED;
  }

  private static boolean isLatent(String name) {
    return name.startsWith("D ") || name.startsWith("V ");
  }

  /** A line for each engine that ran the latent UNet or the decoder; empty where none did. */
  private String latentNetworks() {
    List<String> names = runs.keySet().stream().filter(GpuReport::isLatent).toList();
    if (names.isEmpty()) {
      return "";
    }
    Set<String> engines = new LinkedHashSet<>();
    engines.add(OURS);
    names.forEach(name -> engines.addAll(runs.get(name).keySet()));
    StringBuilder text =
        new StringBuilder(
            "\n## Latent networks\n\nMilliseconds. D is the UNet of Stable Diffusion 1.5 (64x64x4, 77"
                + " tokens), V its decoder to 512x512; a picture is four of D and one of V, of one"
                + " row.\n\n| engine |");
    names.forEach(name -> text.append(' ').append(name).append(" |"));
    text.append(" picture |\n| --- |").append(" --- |".repeat(names.size() + 1)).append('\n');
    for (String engine : engines) {
      boolean built = names.stream().anyMatch(name -> runs.get(name).containsKey(engine));
      text.append("| ").append(engine).append(built ? "" : ": not built yet").append(" |");
      names.forEach(name -> text.append(' ').append(cell(name, engine)).append(" |"));
      double picture =
          4 * median("D forward batch 1", engine) + median("V forward batch 1", engine);
      text.append(' ')
          .append(Double.isNaN(picture) ? "" : String.format(Locale.ROOT, "%.3f", picture))
          .append(" |\n");
    }
    return text.toString();
  }

  private String cell(String name, String engine) {
    List<Run> all = runs.get(name).getOrDefault(engine, List.of());
    if (all.isEmpty()) {
      return "";
    }
    double low = all.stream().mapToDouble(Run::median).min().orElseThrow();
    double high = all.stream().mapToDouble(Run::median).max().orElseThrow();
    return String.format(Locale.ROOT, "%.3f (%.3f – %.3f)", median(name, engine), low, high);
  }

  /** NaN where the engine was not measured. */
  private double median(String name, String engine) {
    double[] medians =
        runs.getOrDefault(name, Map.of()).getOrDefault(engine, List.of()).stream()
            .mapToDouble(Run::median)
            .sorted()
            .toArray();
    if (medians.length == 0) {
      return Double.NaN;
    }
    int middle = medians.length / 2;
    return medians.length % 2 == 1 ? medians[middle] : (medians[middle - 1] + medians[middle]) / 2;
  }

  private static String percent(double share) {
    return Double.isNaN(share) ? "" : String.format(Locale.ROOT, "%.1f %%", 100 * share);
  }

  private static String ratio(double value) {
    return Double.isNaN(value) ? "" : String.format(Locale.ROOT, "%.2f", value);
  }

  private Map<String, Object> json() throws IOException {
    Map<String, Object> report = new LinkedHashMap<>();
    report.put("machine", lines("machine.log"));
    List<Map<String, Object>> results = new ArrayList<>();
    for (String[] part : parts.values()) {
      Map<String, Object> one = new LinkedHashMap<>();
      one.put("part", part[0]);
      one.put("result", part[1]);
      one.put("seconds", Integer.valueOf(part[2]));
      one.put("log", part[0] + ".log");
      one.put("said", summary(part[0] + ".log"));
      results.add(one);
    }
    report.put("parts", results);
    report.put("ceilings", ceilings);
    report.put("speed", runs);
    report.put("gflop_and_gb", work);
    try (Stream<Path> pictures = Files.walk(folder, 2)) {
      report.put(
          "pictures",
          pictures
              .filter(path -> path.toString().endsWith(".png"))
              .map(path -> folder.relativize(path).toString())
              .sorted()
              .toList());
    }
    return report;
  }
}
