package org.halfstep.doctor;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.halfstep.checkpoint.Checkpoint;
import org.halfstep.checkpoint.Component;
import org.halfstep.checkpoint.Part;
import org.halfstep.device.Device;
import org.halfstep.files.DataException;
import org.halfstep.graph.WeightUse;
import org.halfstep.latent.FirstStage;
import org.halfstep.latent.FirstStageOptions;
import org.halfstep.latent.TextEncoder;
import org.halfstep.latent.TextEncoderOptions;
import org.halfstep.text.ClipTokenizer;
import org.halfstep.text.Tokenizer;

/**
 * Examines a latent model: files, weights, tokenizer, text encoder, first stage, UNet. Each network
 * is closed before the next one's weights are packed.
 */
public final class Doctor {
  private static final int LARGEST_SIDE = 128;

  private final Device device;
  private final DoctorOptions options;
  private final Checkpoint checkpoint;
  private final List<Finding> all = new ArrayList<>();
  private final Consumer<Finding> findings;

  private Doctor(
      Device device, DoctorOptions options, Checkpoint checkpoint, Consumer<Finding> listener) {
    this.device = device;
    this.options = options;
    this.checkpoint = checkpoint;
    this.findings =
        finding -> {
          all.add(finding);
          listener.accept(finding);
        };
  }

  /**
   * Examines a model.
   *
   * @param model a folder or a file, as {@link Checkpoint#open} takes it
   * @param listener told of each answer when it is there
   * @return all answers; a model that cannot be opened has one
   * @throws IOException when the user's picture or tokenizer cannot be read
   */
  public static List<Finding> examine(
      Device device, Path model, DoctorOptions options, Consumer<Finding> listener)
      throws IOException {
    try (Checkpoint checkpoint = Checkpoint.open(model, options.checkpoint())) {
      Doctor doctor = new Doctor(device, options, checkpoint, listener);
      doctor.examine();
      return List.copyOf(doctor.all);
    } catch (DataException refused) {
      Finding finding = Finding.failed("files", refused.getMessage(), "a model that can be opened");
      listener.accept(finding);
      return List.of(finding);
    }
  }

  private void examine() throws IOException {
    FileExamination.run(checkpoint, findings);
    for (Part part : Part.values()) {
      checkpoint.component(part).ifPresent(found -> ValueExamination.run(found, findings));
    }
    if (all.stream().anyMatch(finding -> finding.verdict() == Finding.Verdict.FAILED)) {
      findings.accept(Finding.skipped("networks", "not run, since their weights are damaged"));
      return;
    }
    try (Arena arena = Arena.ofConfined()) {
      Optional<MemorySegment> contexts = text(arena);
      unet(arena, contexts.orElse(null));
    }
  }

  private Optional<MemorySegment> text(Arena arena) throws IOException {
    Optional<Tokenizer> tokenizer =
        options.tokenizer() == null
            ? checkpoint.openTokenizer()
            : Optional.of(ClipTokenizer.open(options.tokenizer()));
    if (tokenizer.orElse(null) instanceof ClipTokenizer clip) {
      TokenizerExamination.run(clip, findings);
    }
    Optional<Component> encoder = checkpoint.component(Part.TEXT_ENCODER);
    if (encoder.isEmpty()) {
      return Optional.empty();
    }
    if (tokenizer.isEmpty()) {
      findings.accept(
          Finding.skipped("text encoder", "the model has no tokenizer: name one with --tokenizer"));
      return Optional.empty();
    }
    try (TextEncoder open =
        TextEncoder.open(
            device,
            encoder.get(),
            tokenizer.get(),
            TextEncoderOptions.standard().withUse(WeightUse.within(options.memory())))) {
      return Optional.of(TextExamination.run(open, arena, findings));
    }
  }

  /** The first stage's questions, and those of the UNet that need it. */
  private void unet(Arena arena, MemorySegment contexts) throws IOException {
    Optional<Component> unet = checkpoint.component(Part.UNET);
    Optional<Component> autoencoder = checkpoint.component(Part.AUTOENCODER);
    FirstStage stage = null;
    try {
      FirstStageExamination.Encoded encoded = null;
      if (autoencoder.isPresent()) {
        stage =
            FirstStage.open(
                device,
                autoencoder.get(),
                FirstStageOptions.standard().withMemory(options.memory()));
        int side = stage.factor() * latentSide();
        encoded = FirstStageExamination.run(stage, options.image(), side, arena, findings);
        stage.release();
      }
      if (unet.isPresent()) {
        evaluate(unet.get(), stage, encoded, contexts);
      }
    } finally {
      if (stage != null) {
        stage.close();
      }
    }
  }

  private void evaluate(
      Component component,
      FirstStage stage,
      FirstStageExamination.Encoded encoded,
      MemorySegment contexts)
      throws IOException {
    if (checkpoint.scheduler().isEmpty()) {
      findings.accept(Finding.skipped("UNet", "the model does not say its noise schedule"));
      return;
    }
    int tokens = checkpoint.tokens();
    try (UNetProbe probe =
        new UNetProbe(device, component, latentSide(), tokens, options.memory())) {
      UNetExamination examination =
          new UNetExamination(probe.numbers(), checkpoint.scheduler().get(), findings);
      try (UNetProbe.Rows meaningless = probe.meaningless(tokens)) {
        examination.prediction(meaningless);
      }
      if (encoded == null || (contexts == null && !probe.hasClasses())) {
        findings.accept(
            Finding.skipped("UNet: a picture's noise", "needs a first stage and a text encoder"));
        return;
      }
      long bytes = contexts == null ? 0 : contexts.byteSize() / 2;
      MemorySegment none = contexts == null ? null : contexts.asSlice(0, bytes);
      MemorySegment text = contexts == null ? null : contexts.asSlice(bytes, bytes);
      float[] latent = encoded.latent().toArray(ValueLayout.JAVA_FLOAT);
      UNetExamination.Noised easy;
      try (UNetProbe.Rows alone = probe.rows(1, none, none)) {
        easy = examination.noise(alone, latent);
      }
      try (UNetProbe.Rows alone = probe.rows(1, text, none);
          UNetProbe.Rows both = probe.rows(2, text, none)) {
        examination.guided(alone, both, easy.latent());
      }
      examination.oneStep(stage, encoded, easy);
    }
  }

  /** Pixels of a latent in each direction, as the model was trained. */
  private int latentSide() {
    return Math.min(checkpoint.latentSide(), LARGEST_SIDE);
  }
}
