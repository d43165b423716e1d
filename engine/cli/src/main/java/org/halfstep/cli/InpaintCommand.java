package org.halfstep.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.halfstep.cli.console.StopSignal;
import org.halfstep.cli.option.EditOptions;
import org.halfstep.cli.option.LatentOption;
import org.halfstep.cli.option.MemoryOption;
import org.halfstep.cli.option.ModelOption;
import org.halfstep.cli.option.PrecisionOption;
import org.halfstep.device.Device;
import org.halfstep.image.Fit;
import org.halfstep.image.ImageBatch;
import org.halfstep.sample.Cancellation;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.Edit;
import org.halfstep.sample.SampleRequest;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** Paints a part of a picture anew by a latent model. */
@Command(
    name = "inpaint",
    description = {
      "Paint a part of a picture anew with a latent model: one that was made for it, or an ordinary",
      "one, which is led back to the picture after each step."
    },
    footer = {
      "  halfstep inpaint --model sd15-inpainting --image dog.png \\",
      "    --mask mask.png --prompt 'a cat on a bench' --out out/cat"
    })
final class InpaintCommand implements Callable<Integer> {
  /** With so few steps an ordinary network leaves seams. */
  private static final int FEW_STEPS = 4;

  @ParentCommand private Halfstep halfstep;
  @Spec private CommandLine.Model.CommandSpec spec;
  @Mixin private ModelOption model;
  @Mixin private MemoryOption memory;
  @Mixin private PrecisionOption precision;
  @Mixin private EditOptions options;
  @Mixin private LatentOption latent;

  @Option(
      names = "--mask",
      paramLabel = "FILE",
      required = true,
      description = "A grey picture: white is painted anew, black stays.")
  private Path mask;

  @Option(
      names = "--strength",
      paramLabel = "S",
      defaultValue = "1",
      description =
          "How far back towards noise the painted part is taken, above 0 to 1 (default: 1, noise"
              + " alone).")
  private double strength;

  @Option(
      names = "--feather",
      paramLabel = "P",
      defaultValue = "0",
      description = "Pixels over which the picture and what was painted are blended (default: 0).")
  private int feather;

  @Option(
      names = "--no-paste",
      description =
          "Leave what the first stage makes of the pixels that stay, in place of the picture's own.")
  private boolean noPaste;

  @Override
  public Integer call() throws IOException {
    String choice = model.required();
    Cancellation cancellation = new Cancellation();
    try (Device device = halfstep.openDevice();
        DiffusionModel opened =
            ModelOption.openLatent(
                choice,
                memory
                    .on(device)
                    .withPrecision(precision.on(device))
                    .withLatent(latent.options()));
        StopSignal stop = new StopSignal(cancellation::cancel)) {
      SampleRequest request = options.request(opened, this::edit);
      Map<String, Path> inputs = new LinkedHashMap<>();
      inputs.put("--image", options.image());
      inputs.put("--mask", mask);
      LatentMetadata metadata =
          new LatentMetadata("inpaint", choice, opened, latent, request, inputs, words());
      PrintWriter out = spec.commandLine().getOut();
      if (request.steps() <= FEW_STEPS && !opened.isInpainting()) {
        out.println(
            "this network was not made for inpainting: with so few steps seams will show at the"
                + " mask's edge");
      }
      return LatentWork.stoppable(
          out,
          stop,
          () ->
              new LatentWork(out, metadata)
                  .run(
                      new SampleOutputs(options.grid(), null, options.folder(), null),
                      options.kinds(),
                      cancellation));
    }
  }

  private Edit edit(ImageBatch picture) throws IOException {
    ImageBatch grey = EditOptions.read(mask, 1, picture.height(), picture.width(), Fit.CROP);
    return new Edit(picture, strength, grey, !noPaste, feather);
  }

  private List<String> words() {
    List<String> words =
        new ArrayList<>(
            List.of(
                "--strength", Double.toString(strength), "--feather", Integer.toString(feather)));
    if (noPaste) {
      words.add("--no-paste");
    }
    return words;
  }
}
