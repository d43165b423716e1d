package org.halfstep.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.halfstep.cli.console.ErrorLine;
import org.halfstep.cli.console.InputException;
import org.halfstep.cli.option.CheckpointOption;
import org.halfstep.cli.option.MemoryOption;
import org.halfstep.device.Device;
import org.halfstep.doctor.Doctor;
import org.halfstep.doctor.DoctorOptions;
import org.halfstep.doctor.Finding;
import org.halfstep.doctor.Finding.Verdict;
import org.halfstep.doctor.ReferencePictures;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** Asks a latent model questions whose answers are known for every good one. */
@Command(
    name = "doctor",
    description = {
      "Examine a latent model: its files, weights, tokenizer, text encoder, first stage and UNet,"
          + " each answer with the measured value.",
      "Takes seconds to a minute; exits with 1 when an answer is wrong. \"unusual\" is outside of"
          + " what is estimated for good models, and may be right for a special one."
    },
    footer = {
      "  halfstep doctor sd15",
      "  halfstep doctor v1-5-pruned-emaonly.safetensors --tokenizer data/clip --image photo.jpg",
      "  halfstep doctor stable-diffusion-v1-4 --reference sd-v1-4"
    })
final class DoctorCommand implements Callable<Integer> {
  @ParentCommand private Halfstep halfstep;
  @Spec private CommandLine.Model.CommandSpec spec;
  @Mixin private CheckpointOption checkpoint;
  @Mixin private MemoryOption memory;

  @Parameters(paramLabel = "MODEL", description = "A folder of diffusers, or a single file.")
  private Path model;

  @Option(
      names = "--image",
      paramLabel = "FILE",
      description = "A picture to encode and decode, best a photo (default: a drawn one).")
  private Path image;

  @Option(
      names = "--reference",
      paramLabel = "NAME",
      description =
          "Also make the pictures whose pixels are published for a model: sd-v1-4, sd-v1-1,"
              + " sd2-base, sd2-768-v or lcm-dreamshaper-v7.")
  private String reference;

  @Override
  public Integer call() throws IOException {
    PrintWriter console = spec.commandLine().getOut();
    if (!Files.exists(model)) {
      throw new InputException(model + ": there is no such file or folder");
    }
    if (reference != null && !ReferencePictures.names().contains(reference)) {
      throw new InputException(
          "--reference: expected one of "
              + String.join(", ", ReferencePictures.names())
              + ", got \""
              + reference
              + "\"");
    }
    DoctorOptions options =
        new DoctorOptions(checkpoint.options(), checkpoint.tokenizer(), image, memory.bytes());
    try (Device device = halfstep.openDevice()) {
      List<Finding> findings =
          Doctor.examine(device, model, options, finding -> print(console, finding));
      boolean isWrong = count(findings, Verdict.FAILED) > 0;
      if (reference != null && !isWrong) {
        List<Finding> pictures =
            ReferencePictures.compare(
                device, model, options, reference, finding -> print(console, finding));
        isWrong = count(pictures, Verdict.FAILED) > 0;
      }
      console.println(
          isWrong
              ? "something is wrong with this model"
              : count(findings, Verdict.UNUSUAL) == 0
                  ? "nothing is wrong with this model"
                  : "nothing is certainly wrong with this model");
      return isWrong ? ErrorLine.FAILURE : 0;
    }
  }

  private static long count(List<Finding> findings, Verdict verdict) {
    return findings.stream().filter(finding -> finding.verdict() == verdict).count();
  }

  private static void print(PrintWriter console, Finding finding) {
    boolean isRight = finding.verdict() == Verdict.PASSED || finding.expected().isEmpty();
    console.printf(
        Locale.ROOT,
        "%-8s %s: %s%s%n",
        finding.verdict().name().toLowerCase(Locale.ROOT),
        finding.question(),
        finding.measured(),
        isRight ? "" : " (expected: " + finding.expected() + ")");
    console.flush();
  }
}
