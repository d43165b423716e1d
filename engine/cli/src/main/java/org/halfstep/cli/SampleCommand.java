package org.halfstep.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.Locale;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.halfstep.cli.console.ImageProgress;
import org.halfstep.cli.console.InputException;
import org.halfstep.cli.console.Sizes;
import org.halfstep.cli.option.LabelList;
import org.halfstep.cli.option.ModelOption;
import org.halfstep.cli.option.PrecisionOption;
import org.halfstep.data.SampleBatchFile;
import org.halfstep.device.Device;
import org.halfstep.diffusion.Guidance;
import org.halfstep.diffusion.Solver;
import org.halfstep.image.ImageBatch;
import org.halfstep.image.ImageGrid;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.GeneratedImages;
import org.halfstep.sample.ModelOptions;
import org.halfstep.sample.SampleRequest;
import picocli.CommandLine;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** Makes images with a model. */
@Command(
    name = "sample",
    description = "Make images with a model.",
    footer = {
      "  halfstep sample --model fashion-mnist-4 --labels Sneaker,Coat --per-class 8 --seed 7"
          + " --grid out/pair.png",
      "  halfstep sample --model fashion-mnist-teacher --labels 0-9 --guidance 2 --steps 64 --out"
          + " out/images"
    })
final class SampleCommand implements Callable<Integer> {
  private static final Path DEFAULT_GRID = Path.of("out", "sample.png");
  private static final int PADDING = 2;
  private static final int VIEWABLE_SIDE = 84;
  private static final int MOST_COLUMNS = 20;

  @ParentCommand private Halfstep halfstep;
  @Spec private CommandLine.Model.CommandSpec spec;
  @Mixin private ModelOption model;
  @Mixin private PrecisionOption precision;

  @Option(
      names = "--labels",
      paramLabel = "LIST",
      defaultValue = "all",
      description =
          "Classes by name or number, with ranges: all, 0,3-5, Sneaker,Coat (default: all).")
  private String labels;

  /** How many images. */
  static final class Number {
    @Option(
        names = "--per-class",
        paramLabel = "N",
        description = "Images of each class (default: 1).")
    private Integer perClass;

    @Option(
        names = "--count",
        paramLabel = "N",
        description = "Images altogether, the classes taken in turn.")
    private Integer count;
  }

  @ArgGroup private Number number = new Number();

  @Option(
      names = "--seed",
      paramLabel = "S",
      defaultValue = "0",
      description = "Seed of the noise; image K of a seed is always the same one (default: 0).")
  private long seed;

  @Option(
      names = "--first-image",
      paramLabel = "K",
      defaultValue = "0",
      description = "Number of the first image (default: 0).")
  private long firstImage;

  @Option(
      names = {"--guidance", "-w"},
      paramLabel = "W",
      description =
          "Guidance strength w of (1 + w) conditional - w unconditional: 0 for none. Programs that"
              + " count a guidance scale call this 1 + w (default: 1).")
  private Double guidance;

  @Option(
      names = "--steps",
      paramLabel = "N",
      description = "Sampler steps (default: those a student was distilled for, 256 for others).")
  private Integer steps;

  @Option(
      names = "--sampler",
      paramLabel = "KIND",
      description = "ddim, ancestral or stochastic (default: ddim, or a student's own).")
  private Solver sampler;

  @Option(names = "--clip", description = "Clip predicted images to their range before each step.")
  private boolean clip;

  @Option(
      names = "--grid",
      paramLabel = "FILE",
      description = "All images as one PNG (default: out/sample.png, unless --out is given).")
  private Path grid;

  @Option(
      names = "--scale",
      paramLabel = "N",
      description =
          "Picture pixels per image pixel in the grid (default: so that it is easy to see).")
  private Integer scale;

  @Option(
      names = "--out",
      paramLabel = "FOLDER",
      description = "Each image as a PNG of its own: seed-S-image-K-CLASS.png.")
  private Path folder;

  @Option(
      names = "--npz",
      paramLabel = "FILE",
      description =
          "All images in one file as guided-diffusion's programs read them (arr_0, labels in"
              + " arr_1); as many as wanted, they are never in memory together.")
  private Path npz;

  @Override
  public Integer call() throws IOException {
    if (npz != null && (grid != null || folder != null)) {
      throw new InputException("--npz takes all images: --grid and --out cannot be given with it");
    }
    PrintWriter out = spec.commandLine().getOut();
    String choice = model.orBundled();
    try (Device device = halfstep.openDevice();
        DiffusionModel opened =
            ModelOption.open(
                choice,
                ModelOptions.standard().withDevice(device).withPrecision(precision.on(device)))) {
      int[] chosen = LabelList.parse(labels, opened);
      SampleRequest request = request(opened, chosen);
      long evaluations = opened.evaluations(request);
      out.println(describe(opened, choice) + " on " + device.name());
      out.println(
          Sizes.whole(request.count())
              + (request.count() == 1 ? " image, " : " images, ")
              + request.steps()
              + " "
              + SampleMetadata.name(request)
              + (request.steps() == 1 ? " step, " : " steps, ")
              + Guidance.describe(request.guidance())
              + ", seed "
              + seed);
      out.flush();
      double milliseconds = make(opened, choice, request, chosen.length, out);
      out.println(
          "took "
              + Sizes.decimal(milliseconds)
              + " ms and "
              + evaluations
              + (evaluations == 1 ? " network evaluation" : " network evaluations")
              + " per image");
    }
    return 0;
  }

  /** Makes and writes the images; milliseconds per image. */
  private double make(
      DiffusionModel opened, String choice, SampleRequest request, int classes, PrintWriter out)
      throws IOException {
    long start = System.nanoTime();
    if (npz != null) {
      createParent(npz);
      Optional<int[]> written =
          opened.config().isConditional() ? Optional.of(request.labels()) : Optional.empty();
      try (ImageProgress progress = new ImageProgress(out, "sample", request.count())) {
        SampleBatchFile.write(npz, request.count(), written, batches(opened, request, progress));
      }
      double milliseconds = (System.nanoTime() - start) / 1e6 / request.count();
      out.println("wrote " + npz);
      return milliseconds;
    }
    ImageBatch images = sample(opened, request, out);
    double milliseconds = (System.nanoTime() - start) / 1e6 / request.count();
    write(opened, choice, request, images, classes, out);
    return milliseconds;
  }

  private static Iterator<ImageBatch> batches(
      DiffusionModel opened, SampleRequest request, ImageProgress progress) {
    GeneratedImages source = new GeneratedImages(opened, request);
    return new Iterator<>() {
      private int done;

      @Override
      public boolean hasNext() {
        return done < request.count();
      }

      @Override
      public ImageBatch next() {
        if (!hasNext()) {
          throw new NoSuchElementException();
        }
        ImageBatch some = source.next(ModelOptions.DEFAULT_MAX_BATCH);
        done += some.count();
        progress.add(some.count());
        return some;
      }
    };
  }

  /** One line about a model. */
  static String describe(DiffusionModel model, String choice) {
    String role =
        switch (model.card().role()) {
          case TEACHER -> "teacher";
          case GUIDED -> "stage-one model";
          case STUDENT ->
              "student of "
                  + model.card().steps()
                  + (model.card().steps() == 1 ? " step" : " steps");
        };
    int side = model.config().imageSize();
    return choice
        + ": "
        + role
        + ", "
        + side
        + "x"
        + side
        + "x"
        + model.config().inChannels()
        + ", "
        + Sizes.whole(model.parameters())
        + " parameters ("
        + Sizes.bytes(Float.BYTES * model.parameters())
        + ")";
  }

  private SampleRequest request(DiffusionModel opened, int[] chosen) {
    int count = count(chosen.length);
    if (steps != null && steps < 1) {
      throw new InputException("--steps must be at least 1, got " + steps);
    }
    SampleRequest request =
        opened
            .request(LabelList.inTurn(chosen, count))
            .withSeed(seed)
            .withFirstImage(firstImage)
            .withClip(clip);
    request = steps == null ? request : request.withSteps(steps);
    request = guidance == null ? request : request.withGuidance(guidance);
    request = sampler == null ? request : request.withSampler(sampler);
    requireTaken(opened, request);
    return request;
  }

  /** A refusal comes before the first line of output. */
  private static void requireTaken(DiffusionModel opened, SampleRequest request) {
    try {
      opened.requireTaken(request);
    } catch (IllegalArgumentException refused) {
      throw new InputException(refused.getMessage(), refused);
    }
  }

  private int count(int classes) {
    if (number.count != null) {
      return atLeastOne("--count", number.count);
    }
    int perClass = number.perClass == null ? 1 : atLeastOne("--per-class", number.perClass);
    return Math.multiplyExact(perClass, classes);
  }

  private static int atLeastOne(String option, int value) {
    if (value < 1) {
      throw new InputException(option + " must be at least 1, got " + value);
    }
    return value;
  }

  /** Samples a batch at a time, so that a long request shows how far it is. */
  private static ImageBatch sample(DiffusionModel opened, SampleRequest request, PrintWriter out) {
    int side = opened.config().imageSize();
    int channels = opened.config().inChannels();
    byte[] pixels = new byte[Math.multiplyExact(request.count(), opened.imageValues())];
    long shown = System.nanoTime();
    for (int done = 0; done < request.count(); ) {
      int end = Math.min(request.count(), done + ModelOptions.DEFAULT_MAX_BATCH);
      SampleRequest part = request.slice(done, end);
      byte[] some = opened.sample(part).pixels();
      System.arraycopy(some, 0, pixels, done * opened.imageValues(), some.length);
      done = end;
      if (done < request.count() && System.nanoTime() - shown > 2e9) {
        out.println("  " + done + " of " + request.count() + " images");
        out.flush();
        shown = System.nanoTime();
      }
    }
    return new ImageBatch(request.count(), side, side, channels, pixels);
  }

  private void write(
      DiffusionModel opened,
      String choice,
      SampleRequest request,
      ImageBatch images,
      int classes,
      PrintWriter out)
      throws IOException {
    SampleMetadata metadata =
        new SampleMetadata(choice, ModelOption.checksum(choice), opened, request);
    Path picture = grid == null && folder == null ? DEFAULT_GRID : grid;
    if (picture != null) {
      createParent(picture);
      grid(request.count(), classes, images.height(), scale)
          .write(picture, images, metadata.ofAll());
      out.println("wrote " + picture);
    }
    if (folder != null) {
      Files.createDirectories(folder);
      for (int i = 0; i < request.count(); i++) {
        String name =
            "seed-"
                + seed
                + "-image-"
                + (firstImage + i)
                + "-"
                + fileName(LabelList.name(opened, request.labels()[i]))
                + ".png";
        ImageGrid.writeSingle(folder.resolve(name), images, i, metadata.ofImage(i));
      }
      out.println("wrote " + request.count() + " images to " + folder);
    }
  }

  /** Classes as columns where there are several, a square otherwise. */
  static ImageGrid grid(int count, int classes, int side, Integer scale) {
    int square = (int) Math.ceil(Math.sqrt(count));
    int columns = classes > 1 && classes <= MOST_COLUMNS ? classes : Math.min(square, MOST_COLUMNS);
    int factor = scale == null ? Math.max(1, VIEWABLE_SIDE / side) : atLeastOne("--scale", scale);
    return new ImageGrid(Math.min(columns, count), PADDING, factor);
  }

  static void createParent(Path file) throws IOException {
    if (file.getParent() != null) {
      Files.createDirectories(file.getParent());
    }
  }

  private static String fileName(String className) {
    String plain = className.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9]+", "-");
    return plain.replaceAll("^-|-$", "");
  }
}
