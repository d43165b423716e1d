package org.halfstep.cli;

import java.io.IOException;
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

/** Changes a picture by a latent model. */
@Command(
    name = "edit",
    description = {
      "Change a picture with a latent model: it is taken back some way towards noise, and denoised",
      "as a text says (SDEdit)."
    },
    footer = {
      "  halfstep edit --model sd15 --image house.jpg --size 512x512 \\",
      "    --prompt 'a house in the snow' --strength 0.6 --out out/snow"
    })
final class EditCommand implements Callable<Integer> {
  @ParentCommand private Halfstep halfstep;
  @Spec private CommandLine.Model.CommandSpec spec;
  @Mixin private ModelOption model;
  @Mixin private MemoryOption memory;
  @Mixin private PrecisionOption precision;
  @Mixin private EditOptions options;
  @Mixin private LatentOption latent;

  @Option(
      names = "--strength",
      paramLabel = "S",
      defaultValue = "" + Edit.DEFAULT_STRENGTH,
      description =
          "How far back, above 0 to 1: of N steps int(N S) are run, of a student's rint(N S)"
              + " (default: "
              + Edit.DEFAULT_STRENGTH
              + ").")
  private double strength;

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
      SampleRequest request = options.request(opened, picture -> Edit.of(picture, strength));
      LatentMetadata metadata =
          new LatentMetadata(
              "edit",
              choice,
              opened,
              latent,
              request,
              Map.of("--image", options.image()),
              List.of("--strength", Double.toString(strength)));
      return LatentWork.stoppable(
          spec.commandLine().getOut(),
          stop,
          () ->
              new LatentWork(spec.commandLine().getOut(), metadata)
                  .run(
                      new SampleOutputs(options.grid(), null, options.folder(), null),
                      options.kinds(),
                      cancellation));
    }
  }
}
