package org.halfstep.fuzz;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.halfstep.checkpoint.Checkpoint;
import org.halfstep.checkpoint.CheckpointOptions;
import org.halfstep.checkpoint.Component;
import org.halfstep.checkpoint.ComponentFile;
import org.halfstep.checkpoint.Part;
import org.halfstep.checkpoint.TinyClip;
import org.halfstep.checkpoint.TinyPipeline;
import org.halfstep.checkpoint.UNetDescription;
import org.halfstep.device.Device;
import org.halfstep.device.cpu.CpuDevice;
import org.halfstep.latent.LatentUNetConfig;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.model.TensorNames;
import org.halfstep.safetensors.Dtype;
import org.halfstep.safetensors.SafetensorsFile;

/** The files of latent models for the fuzzer to begin with. */
final class LatentSeeds {
  private final Seeds seeds;

  LatentSeeds(Seeds seeds) {
    this.seeds = seeds;
  }

  void write() throws IOException {
    checkpoints();
    unet();
    bundled();
    updates();
  }

  private void checkpoints() throws IOException {
    Path tiny = seeds.folder().resolve(Seeds.TINY);
    TinyPipeline.write(tiny);
    Path clip = TinyClip.write(tiny.resolve(Seeds.CLIP));
    seeds.seed(Reader.CLIP, "tiny", Files.readAllBytes(clip.resolve("config.json")));
    byte[][] texts = new byte[Reader.PIPELINE_TEXTS.size()][];
    for (int i = 0; i < texts.length; i++) {
      texts[i] =
          Files.readAllBytes(tiny.resolve("diffusers").resolve(Reader.PIPELINE_TEXTS.get(i)));
    }
    seeds.seed(Reader.PIPELINE, "tiny", texts);
    seeds.seed(
        Reader.SHARD_INDEX,
        "tiny",
        Files.readAllBytes(
            tiny.resolve("sharded/unet/diffusion_pytorch_model.safetensors.index.json")));
    seeds.seed(Reader.SINGLE_TEXTS, "tiny", texts[1], texts[2], texts[3], texts[4]);
    single("sdxl", "conditioner.embedders.0.x", 64);
    single("unet", "model.diffusion_model.input_blocks.0.0.weight", 64);
    single("stage", "encoder.down.0.block.0.norm1.weight", 64);
    single("bare", "conv_in.weight", 64);
  }

  private void single(String name, String tensor, int bytes) throws IOException {
    seeds.seed(
        Reader.SINGLE_FILE,
        name,
        Archives.utf8(
            "{\"__metadata__\":{\"unet/config.json\":\"{}\"},\""
                + tensor
                + "\":{\"dtype\":\"F16\",\"shape\":["
                + bytes / 8
                + ",4],\"data_offsets\":[0,"
                + bytes
                + "]}}"));
  }

  /** A file of ours. */
  private void unet() throws IOException {
    Path file = seeds.folder().resolve(Seeds.LATENT_UNET);
    Path tiny = seeds.folder().resolve(Seeds.TINY).resolve("diffusers");
    ModelCard card = ModelCard.teacher("x", List.of(), Map.of("from", "y"));
    try (Checkpoint checkpoint = Checkpoint.open(tiny, CheckpointOptions.standard());
        Device device = new CpuDevice()) {
      Component component = checkpoint.component(Part.UNET).orElseThrow();
      LatentUNetConfig config =
          new LatentUNetConfig((UNetDescription) component.network(), 8, 8, 4);
      try (Network<LatentUNetConfig, ModelCard> network =
          Network.load(device, config, card, component.tensors(), TensorNames.OWN)) {
        network.save(file, card, Dtype.BF16);
      }
    }
    try (SafetensorsFile whole = SafetensorsFile.open(file)) {
      byte[] config = Archives.utf8(whole.metadata().get("config"));
      seeds.seed(Reader.LATENT_UNET, "tiny", config, Archives.utf8(card.toJson()), new byte[0]);
    }
  }

  /** One network of a model that an engine carries. */
  private void bundled() throws IOException {
    Path tiny = seeds.folder().resolve(Seeds.TINY);
    Path file = tiny.resolve(Seeds.BUNDLED);
    try (Checkpoint checkpoint =
        Checkpoint.open(tiny.resolve("diffusers"), CheckpointOptions.standard())) {
      ComponentFile.write(checkpoint, Part.TEXT_ENCODER, file, Dtype.BF16);
      byte[] scheduler = Archives.utf8(checkpoint.scheduler().orElseThrow().json().toString());
      try (SafetensorsFile whole = SafetensorsFile.open(file)) {
        byte[] config = Archives.utf8(whole.metadata().get("config"));
        byte[] tokenizer = Archives.utf8(whole.metadata().get("tokenizer"));
        seeds.seed(Reader.BUNDLED_NETWORK, "text", config, tokenizer, scheduler);
      }
    }
  }

  /** Low-rank updates of the tiny model, in two layouts. */
  private void updates() throws IOException {
    String attention = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k";
    updates("peft", attention + ".lora_A.weight", attention + ".lora_B.weight", "", 192);
    String flat = "lora_unet_" + attention.replace('.', '_');
    updates(
        "kohya",
        flat + ".lora_down.weight",
        flat + ".lora_up.weight",
        ",\"" + flat + ".alpha\":{\"dtype\":\"F16\",\"shape\":[],\"data_offsets\":[192,194]}",
        194);
  }

  private void updates(String name, String down, String up, String alpha, int bytes)
      throws IOException {
    seeds.seed(
        Reader.LOW_RANK,
        name,
        Archives.utf8(
            "{\"__metadata__\":{\"lora_adapter_metadata\":\"{\\\"unet.lora_alpha\\\":4}\"},\""
                + down
                + "\":{\"dtype\":\"F16\",\"shape\":[1,64],\"data_offsets\":[0,128]},\""
                + up
                + "\":{\"dtype\":\"F16\",\"shape\":[32,1],\"data_offsets\":[128,192]}"
                + alpha
                + "}"),
        new byte[bytes]);
  }
}
