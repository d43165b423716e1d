package org.halfstep.attack;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import org.halfstep.checkpoint.Checkpoint;
import org.halfstep.checkpoint.CheckpointOptions;
import org.halfstep.checkpoint.ClipCheckpoint;
import org.halfstep.checkpoint.Component;
import org.halfstep.checkpoint.FolderWriter;
import org.halfstep.checkpoint.LowRankUpdates;
import org.halfstep.checkpoint.OwnFile;
import org.halfstep.checkpoint.Part;
import org.halfstep.checkpoint.SingleFileWriter;
import org.halfstep.checkpoint.TinyPipeline;
import org.halfstep.checkpoint.WriteOptions;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.Slab;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.doctor.Doctor;
import org.halfstep.doctor.DoctorOptions;
import org.halfstep.image.ImageBatch;
import org.halfstep.latent.ClipModel;
import org.halfstep.latent.FirstStage;
import org.halfstep.latent.FirstStageOptions;
import org.halfstep.latent.LatentDraw;
import org.halfstep.latent.TextEncoder;
import org.halfstep.latent.TextEncoderOptions;
import org.halfstep.latent.Tiling;
import org.halfstep.onnx.OnnxFile;
import org.halfstep.sample.Condition;
import org.halfstep.sample.DiffusionModel;
import org.halfstep.sample.Edit;
import org.halfstep.sample.LatentOptions;
import org.halfstep.sample.ModelOptions;
import org.halfstep.sample.SampleRequest;
import org.halfstep.text.ClipTokenizer;
import org.halfstep.text.Tokenizer;
import org.halfstep.text.WordPieceTokenizer;

/** Calls of the library about latent models that cannot be meant, as {@link LibraryMisuse} has. */
final class LatentCalls {
  private static final int SIDE = 64;

  private final Ground ground;
  private final Path model;
  private Tally tally;

  LatentCalls(Ground ground) {
    this.ground = ground;
    this.model = ground.tiny.resolve("diffusers");
  }

  void attack(Tally into) throws IOException {
    tally = into;
    records();
    files();
    try (Device device = new CpuDevice(1);
        Checkpoint checkpoint = Checkpoint.open(model, CheckpointOptions.standard())) {
      ModelOptions options = ModelOptions.standard().withDevice(device);
      try (DiffusionModel open = DiffusionModel.open(model, options)) {
        requests(open);
      }
      updates(checkpoint);
      components(device, checkpoint);
      writers(checkpoint);
      clip(device);
      closed(device, checkpoint);
    }
    List<String> left = Slab.live();
    tally.add("memory", left.isEmpty() ? Optional.empty() : Optional.of("left open: " + left));
  }

  private void refuse(String what, Tally.Call call) {
    tally.refuse(what, call);
  }

  private static ImageBatch picture(int side) {
    return new ImageBatch(1, side, side, 3, new byte[3 * side * side]);
  }

  private static ImageBatch mask(int side) {
    return new ImageBatch(1, side, side, 1, new byte[side * side]);
  }

  private static SampleRequest small(DiffusionModel model) {
    return model.request("a fox").withSize(SIDE, SIDE).withSteps(2);
  }

  private void records() {
    refuse("no prompts", () -> Condition.prompts(List.of(), ""));
    refuse("null as a prompt", () -> Condition.prompts((String) null));
    refuse("null as a negative", () -> Condition.prompts(List.of("x"), null));
    refuse("a prompt without end", () -> Condition.prompts("x".repeat(100_001)));
    refuse("negatives too few", () -> new Condition.Prompts(List.of("a", "b"), List.of("")));
    refuse("images of nothing", () -> Condition.none(0));
    refuse("images below 0", () -> Condition.none(-1));
    refuse("a slice beyond", () -> Condition.prompts("a", "b").slice(1, 3));
    refuse("a slice backwards", () -> Condition.prompts("a", "b").slice(2, 1));
    for (double strength : new double[] {0, -1, 1.01, Double.NaN, Double.POSITIVE_INFINITY}) {
      refuse("strength " + strength, () -> Edit.of(picture(8), strength));
    }
    refuse("an edit of nothing", () -> Edit.of(null, 1));
    refuse("an edit of grey", () -> Edit.of(mask(8), 1));
    refuse("a mask of another size", () -> Edit.inpainting(picture(8), mask(16)));
    refuse("a mask of colours", () -> Edit.inpainting(picture(8), picture(8)));
    refuse("feathers below 0", () -> new Edit(picture(8), 1, mask(8), true, -1));
    refuse("feathers beyond", () -> new Edit(picture(8), 1, mask(8), true, 257));
    for (double scale : new double[] {Double.NaN, 101, Double.NEGATIVE_INFINITY}) {
      refuse("updates times " + scale, () -> new LatentOptions.Update(Path.of("x"), scale));
    }
    refuse("layers below 0", () -> LatentOptions.standard().withSkippedTextLayers(-1));
    refuse("null updates", () -> LatentOptions.standard().withUpdates(null));
    refuse(
        "an update that is null",
        () -> LatentOptions.standard().withUpdates(Collections.singletonList(null)));
    refuse("tiles of nothing", () -> new Tiling(0, 0));
    refuse("tiles that do not overlap", () -> new Tiling(64, 0));
    refuse("tiles that overlap whole", () -> new Tiling(64, 64));
    refuse("memory below 0", () -> FirstStageOptions.standard().withMemory(-1));
    refuse("shards below 0", () -> WriteOptions.same().withShardBytes(-1));
    refuse("a variant elsewhere", () -> WriteOptions.same().withVariant("../x"));
    refuse("a variant of two words", () -> CheckpointOptions.standard().withVariant("a/b"));
    refuse("a prediction", () -> CheckpointOptions.standard().withPrediction("magic"));
    refuse("merges of nothing", () -> ClipTokenizer.of(null));
    refuse(
        "a merge of three",
        () -> ClipTokenizer.of(List.<String[]>of(new String[] {"a", "b", "c"})));
    refuse(
        "a merge of what is not",
        () -> ClipTokenizer.of(List.<String[]>of(new String[] {"zz", "q"})));
  }

  private void files() throws IOException {
    Path odd = Files.createDirectories(ground.folder.resolve("odd"));
    Path text = Files.writeString(odd.resolve("text"), "no such thing\n");
    for (Path path :
        List.of(odd, text, odd.resolve("nothing"), Path.of("/dev/null"), Path.of("/dev/zero"))) {
      refuse(
          "checkpoint " + path, () -> Checkpoint.open(path, CheckpointOptions.standard()).close());
      refuse("clip " + path, () -> ClipCheckpoint.open(path).close());
      refuse("tokenizer " + path, () -> ClipTokenizer.open(path));
      refuse("words " + path, () -> WordPieceTokenizer.open(path));
      refuse("onnx " + path, () -> OnnxFile.open(path).close());
      refuse("own " + path, () -> OwnFile.convert(path, odd.resolve("own"), null));
    }
    refuse("a tiny model over a file", () -> TinyPipeline.write(text));
    refuse(
        "a network of another kind",
        () -> OwnFile.convert(ground.updates, odd.resolve("own"), null));
  }

  private void requests(DiffusionModel open) {
    SampleRequest good = small(open);
    refuse("labels", () -> open.sample(open.request(0)));
    refuse("labels by name", () -> open.labels("fox"));
    refuse("nothing", () -> open.sample(good.withCondition(Condition.none(1))));
    refuse("no pixels' configuration", open::config);
    refuse("no pixels' network", open::network);
    for (int side : new int[] {-64, 7, 63, (1 << 14) + 8, Integer.MAX_VALUE}) {
      refuse("rows " + side, () -> open.sample(good.withSize(side, SIDE)));
      refuse("columns " + side, () -> open.sample(good.withSize(SIDE, side)));
    }
    refuse("steps beyond the schedule", () -> open.sample(good.withSteps(100_000)));
    refuse("w NaN", () -> open.sample(good.withGuidance(Double.NaN)));
    refuse(
        "an edit of too many",
        () ->
            open.sample(
                good.withEdit(
                    Edit.of(new ImageBatch(3, SIDE, SIDE, 3, new byte[9 * SIDE * SIDE]), 1))));
    refuse("an edit of no step", () -> open.sample(good.withEdit(Edit.of(picture(SIDE), 0.001))));
    refuse("into too little", () -> open.sample(good, MemorySegment.ofArray(new float[7])));
    refuse("into nothing", () -> open.sample(good, MemorySegment.NULL));
    refuse("warmed up for labels", () -> open.warmUp(open.request(0)));
  }

  private void updates(Checkpoint checkpoint) throws IOException {
    List<Component> all = List.copyOf(checkpoint.components().values());
    refuse("updates that are a model", () -> LowRankUpdates.open(ground.student, all).close());
    refuse("updates of nothing", () -> LowRankUpdates.open(ground.updates, List.of()).close());
    try (LowRankUpdates updates = LowRankUpdates.open(ground.updates, all)) {
      Component unet = checkpoint.component(Part.UNET).orElseThrow();
      refuse("a strength of NaN", () -> updates.merge(unet, Double.NaN).tensors().close());
      refuse("a strength beyond", () -> updates.merge(unet, 1e9).tensors().close());
    }
  }

  private void components(Device device, Checkpoint checkpoint) throws IOException {
    Component text = checkpoint.component(Part.TEXT_ENCODER).orElseThrow();
    Component stage = checkpoint.component(Part.AUTOENCODER).orElseThrow();
    Tokenizer tokenizer = checkpoint.openTokenizer().orElseThrow();
    TextEncoderOptions plain = TextEncoderOptions.standard();
    refuse(
        "a first stage as text encoder",
        () -> TextEncoder.open(device, stage, tokenizer, plain).close());
    refuse(
        "layers skipped below 0",
        () -> TextEncoder.open(device, text, tokenizer, plain.withSkipped(-1)).close());
    refuse(
        "all layers skipped",
        () -> TextEncoder.open(device, text, tokenizer, plain.withSkipped(99)).close());
    refuse(
        "a text encoder as first stage",
        () -> FirstStage.open(device, text, FirstStageOptions.standard()).close());
    refuse(
        "a first stage of bytes",
        () ->
            FirstStage.open(device, stage, FirstStageOptions.standard().withPrecision(DataType.U8))
                .close());
    try (TextEncoder encoder = TextEncoder.open(device, text, tokenizer, plain)) {
      refuse("no prompts", () -> encoder.encode(null, MemorySegment.NULL));
      refuse("a null prompt", () -> encode(encoder, Collections.singletonList(null)));
      refuse("contexts into nothing", () -> encoder.encode(List.of("x"), MemorySegment.NULL));
      refuse("notices of null", () -> encoder.notices(null));
    }
    try (FirstStage first = FirstStage.open(device, stage, FirstStageOptions.standard());
        Arena arena = Arena.ofConfined()) {
      MemorySegment little = arena.allocate(64, 4);
      for (int side : new int[] {0, -1, 7, 8, 1 << 20, Integer.MAX_VALUE, Integer.MAX_VALUE - 7}) {
        refuse("decoded of " + side, () -> first.decode(1, side, side, little, little));
        refuse("decoded to bytes of " + side, () -> first.decode(1, side, side, little));
        refuse(
            "encoded of " + side,
            () -> first.encode(1, side, side, little, LatentDraw.mode(), little));
      }
      refuse("decoded of -1", () -> first.decode(-1, 8, 8, little, little));
      refuse("decoded of most", () -> first.decode(Integer.MAX_VALUE, 1, 1, little, little));
      refuse("a grey picture encoded", () -> first.encode(mask(SIDE), LatentDraw.mode(), little));
    }
  }

  private static void encode(TextEncoder encoder, List<String> prompts) {
    try (Arena arena = Arena.ofConfined()) {
      encoder.encode(prompts, arena.allocate(prompts.size() * encoder.contextBytes(), 4));
    }
  }

  private void writers(Checkpoint checkpoint) throws IOException {
    Path odd = ground.folder.resolve("odd");
    Path full = Files.createDirectories(odd.resolve("full"));
    Files.writeString(full.resolve("thing"), "x");
    refuse("into a full folder", () -> FolderWriter.write(checkpoint, full, WriteOptions.same()));
    refuse(
        "into a file as folder",
        () -> FolderWriter.write(checkpoint, full.resolve("thing"), WriteOptions.same()));
    refuse(
        "into a folder as file",
        () -> SingleFileWriter.write(checkpoint, full, WriteOptions.same()));
    refuse(
        "with a tokenizer that is none",
        () ->
            FolderWriter.write(
                checkpoint,
                odd.resolve("t"),
                WriteOptions.same().withTokenizer(odd.resolve("nothing"))));
    refuse(
        "examined with no picture",
        () -> {
          try (Device device = new CpuDevice(1)) {
            Doctor.examine(
                device, model, DoctorOptions.standard().withImage(odd.resolve("none")), _ -> {});
          }
        });
  }

  private void clip(Device device) throws IOException {
    try (ClipModel open = ClipModel.open(device, ground.tiny.resolve("clip"))) {
      refuse("no words", () -> open.text(null));
      refuse("no picture", () -> open.image(null, 0));
      refuse("a picture beyond", () -> open.image(picture(8), 1));
      refuse("a picture before", () -> open.image(picture(8), -1));
    }
    refuse("a pipeline as CLIP", () -> ClipModel.open(device, model).close());
  }

  private void closed(Device device, Checkpoint checkpoint) throws IOException {
    DiffusionModel open = DiffusionModel.open(model, ModelOptions.standard().withDevice(device));
    SampleRequest request = small(open);
    open.sample(request);
    open.close();
    open.close();
    refuse("a closed model", () -> open.sample(request));
    refuse("a closed model warmed up", () -> open.warmUp(request));
    TextEncoder encoder =
        TextEncoder.open(
            device,
            checkpoint.component(Part.TEXT_ENCODER).orElseThrow(),
            checkpoint.openTokenizer().orElseThrow(),
            TextEncoderOptions.standard());
    encoder.close();
    encoder.close();
    refuse("a closed text encoder", () -> encode(encoder, List.of("a fox")));
    FirstStage stage =
        FirstStage.open(
            device,
            checkpoint.component(Part.AUTOENCODER).orElseThrow(),
            FirstStageOptions.standard());
    stage.close();
    stage.close();
    refuse(
        "a closed first stage",
        () -> stage.decode(1, 8, 8, MemorySegment.ofArray(new float[8 * 8 * 4])));
    refuse("a closed first stage's preview", stage::preview);
    ClipModel clip = ClipModel.open(device, ground.tiny.resolve("clip"));
    clip.close();
    clip.close();
    refuse("a closed CLIP", () -> clip.text("a fox"));
    refuse("a closed CLIP's picture", () -> clip.image(picture(8), 0));
    Checkpoint other = Checkpoint.open(model, CheckpointOptions.standard());
    Component unet = other.component(Part.UNET).orElseThrow();
    String name = unet.tensors().names().iterator().next();
    other.close();
    refuse(
        "tensors of a closed checkpoint", () -> unet.tensors().find(name).orElseThrow().floats());
  }
}
