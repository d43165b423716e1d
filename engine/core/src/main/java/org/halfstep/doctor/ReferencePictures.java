package org.halfstep.doctor;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.halfstep.device.Device;
import org.halfstep.diffusion.Solver;
import org.halfstep.diffusion.TimeGrid;
import org.halfstep.sample.Condition;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.ModelOptions;
import org.halfstep.sample.NoiseSource;
import org.halfstep.sample.SampleRequest;

/**
 * Pictures whose pixels are published: the values that diffusers' own tests expect of the published
 * models. Nine values of the blue channel, before rounding to bytes.
 */
public final class ReferencePictures {
  private static final String ASTRONAUT = "a photograph of an astronaut riding a horse";
  private static final String SQUIRREL = "A painting of a squirrel eating a burger";

  /** Of a guidance scale of 7.5. */
  private static final double GUIDANCE = 6.5;

  private static final int SMALL = 512;
  private static final int LARGE = 768;
  private static final int WINDOW = 3;

  /**
   * One picture.
   *
   * @param model which model it is of
   * @param solver null for what the model's folder names
   * @param end where the last step leads; null for what the model's folder says
   * @param side of the picture
   * @param first row and column of the window that is compared
   * @param values of the window, row by row
   * @param tolerance largest difference
   */
  record Picture(
      String model,
      Solver solver,
      TimeGrid.End end,
      int steps,
      NoiseSource noise,
      String prompt,
      int side,
      int first,
      List<Double> values,
      double tolerance) {}

  static final List<Picture> PICTURES =
      List.of(
          astronaut(
              "sd-v1-4",
              Solver.DDIM,
              3,
              1e-4,
              0.38019,
              0.28647,
              0.27321,
              0.40377,
              0.38290,
              0.35446,
              0.39218,
              0.38165,
              0.42239),
          astronaut(
              "sd-v1-4",
              Solver.PNDM,
              3,
              3e-3,
              0.5740,
              0.4784,
              0.3162,
              0.6358,
              0.5831,
              0.5505,
              0.5082,
              0.5631,
              0.5575),
          astronaut(
              "sd-v1-1",
              Solver.PNDM,
              3,
              3e-3,
              0.4363,
              0.4355,
              0.3667,
              0.4066,
              0.3970,
              0.3866,
              0.4394,
              0.4356,
              0.4059),
          astronaut(
              "sd-v1-4",
              Solver.DPM_SOLVER,
              TimeGrid.End.FIRST_LEVEL,
              3,
              NoiseSource.NUMPY,
              3e-3,
              0.03503,
              0.03494,
              0.01087,
              0.03128,
              0.02552,
              0.00803,
              0.00742,
              0.00372,
              0.00000),
          astronaut(
              "sd2-base",
              null,
              3,
              7e-3,
              0.49493,
              0.47896,
              0.40798,
              0.54214,
              0.53212,
              0.48202,
              0.47656,
              0.46329,
              0.48506),
          astronaut(
              "lcm-dreamshaper-v7",
              null,
              1,
              1e-3,
              0.1025,
              0.0911,
              0.0984,
              0.0981,
              0.0901,
              0.0918,
              0.1055,
              0.0940,
              0.0730),
          astronaut(
              "lcm-dreamshaper-v7",
              null,
              null,
              3,
              NoiseSource.NUMPY_TORCH,
              1e-3,
              0.01855,
              0.01855,
              0.01489,
              0.01392,
              0.01782,
              0.01465,
              0.01831,
              0.02539,
              0),
          new Picture(
              "sd2-768-v",
              null,
              null,
              20,
              NoiseSource.TORCH,
              SQUIRREL,
              LARGE,
              253,
              List.of(0.1868, 0.1922, 0.1527, 0.1921, 0.1908, 0.1624, 0.1779, 0.1652, 0.1734),
              1e-2));

  private ReferencePictures() {}

  private static Picture astronaut(
      String model, Solver solver, int steps, double tolerance, double... values) {
    return astronaut(model, solver, null, steps, NoiseSource.NUMPY, tolerance, values);
  }

  private static Picture astronaut(
      String model,
      Solver solver,
      TimeGrid.End end,
      int steps,
      NoiseSource noise,
      double tolerance,
      double... values) {
    List<Double> window = Arrays.stream(values).boxed().toList();
    return new Picture(
        model, solver, end, steps, noise, ASTRONAUT, SMALL, SMALL - WINDOW, window, tolerance);
  }

  /** Models whose pictures are known. */
  public static Set<String> names() {
    return PICTURES.stream()
        .map(Picture::model)
        .collect(Collectors.toCollection(LinkedHashSet::new));
  }

  /**
   * Makes a model's pictures and compares them.
   *
   * @param name one of {@link #names}
   * @throws IOException in one line, when the model cannot be opened
   */
  public static List<Finding> compare(
      Device device, Path path, DoctorOptions options, String name, Consumer<Finding> listener)
      throws IOException {
    List<Finding> findings = new ArrayList<>();
    ModelOptions open = ModelOptions.standard().withDevice(device).withMemory(options.memory());
    try (DiffusionModel model =
        DiffusionModel.open(
            path,
            open.withLatent(
                open.latent()
                    .withCheckpoint(options.checkpoint())
                    .withTokenizer(options.tokenizer())))) {
      for (Picture picture : PICTURES) {
        if (picture.model().equals(name)) {
          Finding finding = compare(model, picture);
          listener.accept(finding);
          findings.add(finding);
        }
      }
    }
    return findings;
  }

  /** What a picture is made by. */
  static SampleRequest request(DiffusionModel model, Picture picture) {
    SampleRequest usual = model.request(Condition.prompts(picture.prompt()));
    return usual
        .withSampler(picture.solver() == null ? usual.sampler() : picture.solver())
        .withEnd(picture.end())
        .withSteps(picture.steps())
        .withGuidance(GUIDANCE)
        .withNoise(picture.noise())
        .withSeed(0)
        .withSize(picture.side(), picture.side());
  }

  private static Finding compare(DiffusionModel model, Picture picture) {
    SampleRequest request = request(model, picture);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment pixels =
          arena.allocate(Float.BYTES * TestPicture.numbers(picture.side()), Float.BYTES);
      model.sample(request, pixels);
      return compare(picture, request.sampler(), pixels);
    }
  }

  /** Compares the window of a picture in [-1, 1] with the published values, which are in [0, 1]. */
  static Finding compare(Picture picture, Solver solver, MemorySegment pixels) {
    double worst = 0;
    for (int i = 0; i < WINDOW * WINDOW; i++) {
      long y = picture.first() + i / WINDOW;
      long x = picture.first() + i % WINDOW;
      long blue = (y * picture.side() + x) * TestPicture.CHANNELS + TestPicture.CHANNELS - 1;
      double value = Math.clamp(pixels.getAtIndex(ValueLayout.JAVA_FLOAT, blue) / 2 + 0.5, 0, 1);
      worst = Math.max(worst, Math.abs(value - picture.values().get(i)));
    }
    return Finding.certain(
        "picture: \"" + picture.prompt() + "\", steps " + picture.steps() + " of " + solver,
        worst <= picture.tolerance(),
        String.format(Locale.ROOT, "differs by at most %.5f", worst),
        String.format(Locale.ROOT, "at most %.5f from the published values", picture.tolerance()));
  }
}
