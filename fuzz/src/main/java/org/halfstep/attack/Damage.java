package org.halfstep.attack;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * Damaged files: of a checkpoint, where a run ends with the same bits or is refused in a line; and
 * models, classifiers, samples, images and settings, which are refused or are files like any other.
 */
final class Damage {
  private static final String TENSORS = ".safetensors";

  private final Program program;
  private final Ground ground;
  private final Random random;

  Damage(Program program, Ground ground, long seed) {
    this.program = program;
    this.ground = ground;
    this.random = new Random(seed);
  }

  /**
   * Every kind of damage to every part of the newest checkpoint, and to the run's own files;
   * forgeries.
   */
  void checkpoints(Tally tally) throws IOException, InterruptedException {
    for (String kind : ground.runs.kinds()) {
      checkpoints(kind, tally);
    }
  }

  private void checkpoints(String kind, Tally tally) throws IOException, InterruptedException {
    Path stopped = stoppedRun(kind);
    Map<String, String> whole = ground.runs.whole(kind);
    Path newest = newest(stopped, 0);
    Path before = newest(stopped, 1);
    int refused = 0;
    for (Path part : files(newest)) {
      for (Harm harm : some(Harm.values())) {
        Path run = again(stopped);
        harm.to(run.resolve(stopped.relativize(part).toString()), random);
        refused += resume(kind, part.getFileName() + " " + harm, run, whole, tally);
      }
      // A part of the checkpoint before, whole as it is.
      Path run = again(stopped);
      Path target = run.resolve(stopped.relativize(part).toString());
      Files.delete(target);
      Files.copy(before.resolve(part.getFileName()), target);
      refused += resume(kind, part.getFileName() + " OLDER", run, whole, tally);
    }
    Path config = stopped.resolve("config.json");
    for (Harm harm : some(Harm.values())) {
      Path run = again(stopped);
      harm.to(run.resolve(stopped.relativize(config).toString()), random);
      refused += resume(kind, "config.json " + harm, run, whole, tally);
    }
    tally.note(kind + ": " + refused + " refused, the others went on to the same bits");
  }

  /** Checkpoints that no run writes, with digests that are right and without. */
  void forgeries(Tally tally) throws IOException, InterruptedException {
    for (String kind : ground.runs.kinds()) {
      forgeries(kind, tally);
    }
  }

  private void forgeries(String kind, Tally tally) throws IOException, InterruptedException {
    Path stopped = stoppedRun(kind);
    Map<String, String> whole = ground.runs.whole(kind);
    Path newest = newest(stopped, 0);
    int refused = 0;
    List<Forgery> all = List.of(Forgery.values());
    for (Forgery forgery : kind.equals("train") ? all : some(Forgery.values())) {
      for (boolean old : new boolean[] {false, true}) {
        if (!old || forgery.mayBeOld()) {
          Path run = again(stopped);
          forgery.to(run.resolve(stopped.relativize(newest).toString()), old);
          String what = forgery + (old ? " without digests" : " with right digests");
          refused += resume(kind, what, run, whole, tally);
        }
      }
    }
    tally.note(kind + ": " + refused + " refused, the others went on to the same bits");
  }

  /** A third of all kinds, others for another seed. */
  private <T> List<T> some(T[] kinds) {
    return Stream.of(kinds).filter(_ -> random.nextInt(3) == 0).toList();
  }

  private Path stoppedRun(String kind) throws IOException, InterruptedException {
    Path stopped = ground.folder.resolve("stopped");
    Ground.remove(stopped);
    Process process = program.start(ground.runs.arguments(kind, stopped));
    while (process.isAlive() && newest(stopped, 3) == null) {
      Thread.sleep(5);
    }
    if (!process.isAlive()) {
      throw new IOException("the run was over before it could be stopped");
    }
    process.destroyForcibly().waitFor(10, TimeUnit.SECONDS);
    return stopped;
  }

  /** The checkpoint that is so many before the newest; null where there are not so many updates. */
  private static Path newest(Path run, int back) throws IOException {
    Path folder = run.resolve("checkpoints");
    if (!Files.isDirectory(folder)) {
      return null;
    }
    try (Stream<Path> all = Files.list(folder)) {
      List<Path> sorted =
          all.filter(one -> one.getFileName().toString().startsWith("checkpoint-"))
              .sorted()
              .toList();
      if (sorted.isEmpty()) {
        return null;
      }
      if (back > 1) {
        // Old ones are removed: the number in the name says how far it went.
        String name = sorted.getLast().getFileName().toString();
        return Integer.parseInt(name.replaceAll("\\D", "")) >= 3 * back ? sorted.getLast() : null;
      }
      return sorted.size() > back ? sorted.get(sorted.size() - 1 - back) : null;
    }
  }

  private static List<Path> files(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.sorted().toList();
    }
  }

  private Path again(Path stopped) throws IOException {
    Path run = ground.folder.resolve("resumed");
    Ground.remove(run);
    Ground.copy(stopped, run);
    return run;
  }

  private int resume(String kind, String forged, Path run, Map<String, String> whole, Tally tally)
      throws IOException {
    String what = kind + ", " + forged;
    Program.Ended ended = program.run(ground.runs.arguments(kind, run));
    if (ended.code() == 0) {
      tally.add(what, same(run, whole));
      return 0;
    }
    Optional<String> problem = ended.unlessRefused();
    if (problem.isEmpty() && ended.err().contains("--from-previous")) {
      List<String> arguments = new ArrayList<>(List.of(ground.runs.arguments(kind, run)));
      arguments.add("--from-previous");
      Program.Ended previous = program.run(arguments.toArray(String[]::new));
      problem = previous.unlessDone().map(text -> "--from-previous " + text);
      if (problem.isEmpty()) {
        problem = same(run, whole);
      }
    }
    tally.add(what, problem);
    return 1;
  }

  private static Optional<String> same(Path run, Map<String, String> whole) throws IOException {
    return Runs.models(run).equals(whole)
        ? Optional.empty()
        : Optional.of("went on to other weights, silently");
  }

  /** Every kind of damage to every other file that a command reads. */
  void files(Tally tally) throws IOException {
    Path folder = Files.createDirectories(ground.folder.resolve("damaged"));
    String model = folder.resolve("model.safetensors").toString();
    String data = folder.resolve("data").toString();
    String samples = folder.resolve("samples.npz").toString();
    String classifier = folder.resolve("classifier.safetensors").toString();
    String settings = folder.resolve("settings.json").toString();
    String grid = folder.resolve("grid.png").toString();
    String whole = ground.data.toString();
    Map<Path, String[]> readers = new TreeMap<>();
    latentReaders(folder, readers);
    readers.putAll(
        Map.of(
            Path.of(model),
            new String[] {"sample", "--model", model, "--grid", grid},
            Path.of(samples),
            new String[] {
              "evaluate",
              "--images",
              samples,
              "--reference",
              whole,
              "--classifier",
              ground.classifier.toString()
            },
            Path.of(classifier),
            new String[] {
              "evaluate",
              "--images",
              ground.samples.toString(),
              "--reference",
              whole,
              "--classifier",
              classifier
            },
            Path.of(settings),
            new String[] {
              "train",
              "--preset",
              "tiny",
              "--updates",
              "1",
              "--data",
              whole,
              "--config",
              settings,
              "--out",
              folder.resolve("run").toString()
            },
            Path.of(data, "train-images-idx3-ubyte"),
            new String[] {
              "train",
              "--preset",
              "tiny",
              "--updates",
              "1",
              "--data",
              data,
              "--out",
              folder.resolve("run").toString()
            },
            Path.of(data, "train-labels-idx1-ubyte"),
            new String[] {
              "train",
              "--preset",
              "tiny",
              "--updates",
              "1",
              "--data",
              data,
              "--out",
              folder.resolve("run").toString()
            }));
    int accepted = 0;
    for (Path file : readers.keySet()) {
      for (Harm harm : some(Harm.values())) {
        lay(folder);
        harm.to(file, random);
        Program.Ended ended = program.run(readers.get(file));
        accepted += ended.code() == 0 ? 1 : 0;
        boolean isModel = file.getParent().equals(folder) && file.toString().endsWith(TENSORS);
        tally.add(
            file.getFileName() + " " + harm,
            isModel && !harm.mayBeAModel() && !harm.name().startsWith("FLIP")
                ? ended.unlessRefused()
                : ended.unlessInWords());
      }
    }
    tally.note(accepted + " were files like any other (numbers of pixels and weights)");
  }

  /** Files of latent models, and what is given to them. */
  private void latentReaders(Path folder, Map<Path, String[]> readers) throws IOException {
    Path diffusers = folder.resolve("tiny/diffusers");
    Path whole = ground.tiny.resolve("diffusers");
    try (Stream<Path> files = Files.walk(whole)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        readers.put(
            diffusers.resolve(whole.relativize(file).toString()),
            ground.latentSample(diffusers, "--grid", folder.resolve("g.png").toString()));
      }
    }
    try (Stream<Path> files = Files.list(ground.tiny)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        Path copy = folder.resolve("tiny").resolve(file.getFileName());
        readers.put(
            copy,
            new String[] {
              "convert", "--model", copy.toString(), "--out", folder + "/again.safetensors"
            });
      }
    }
    Path style = folder.resolve("style/style.safetensors");
    readers.put(style, ground.latentSample(whole, "--lora", style + ":0.5"));
    Path clip = folder.resolve("tiny/clip");
    Path captions = folder.resolve("captions.txt");
    String[] evaluate = {
      "evaluate",
      "--images",
      ground.samples.toString(),
      "--captions",
      captions.toString(),
      "--clip",
      clip.toString()
    };
    readers.put(captions, evaluate);
    try (Stream<Path> files = Files.list(ground.tiny.resolve("clip"))) {
      for (Path file : files.toList()) {
        readers.put(clip.resolve(file.getFileName()), evaluate);
      }
    }
    Path picture = folder.resolve("picture.png");
    Path mask = folder.resolve("mask.png");
    readers.put(picture, edit("edit", whole, "--image", picture.toString(), "--strength", "0.7"));
    readers.put(
        mask,
        edit("inpaint", whole, "--image", ground.picture.toString(), "--mask", mask.toString()));
  }

  private static String[] edit(String command, Path model, String... more) {
    return Stream.concat(
            Stream.of(command, "--model", model.toString(), "--prompt", "a fox", "--steps", "2"),
            Stream.of(more))
        .toArray(String[]::new);
  }

  private void lay(Path folder) throws IOException {
    Ground.remove(folder);
    Files.createDirectories(folder.resolve("style"));
    Ground.copy(ground.tiny, folder.resolve("tiny"));
    Files.copy(ground.updates, folder.resolve("style/style.safetensors"));
    Files.copy(ground.picture, folder.resolve("picture.png"));
    Files.copy(ground.mask, folder.resolve("mask.png"));
    Files.copy(ground.captions, folder.resolve("captions.txt"));
    Files.copy(ground.student, folder.resolve("model.safetensors"));
    Files.copy(ground.classifier, folder.resolve("classifier.safetensors"));
    Files.copy(ground.samples, folder.resolve("samples.npz"));
    Files.copy(ground.folder.resolve("teacher/config.json"), folder.resolve("settings.json"));
    Ground.copy(ground.data, folder.resolve("data"));
  }
}
