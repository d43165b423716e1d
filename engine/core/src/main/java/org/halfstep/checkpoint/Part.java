package org.halfstep.checkpoint;

import java.util.List;

/** The networks of a latent diffusion model. */
public enum Part {
  /** The denoiser. */
  UNET(List.of("unet"), "diffusion_pytorch_model", "UNet"),
  /** The first stage: pixels to latents and back. */
  AUTOENCODER(List.of("vae", "vqvae"), "diffusion_pytorch_model", "first stage"),
  /** The text encoder. */
  TEXT_ENCODER(List.of("text_encoder"), "model", "text encoder");

  private final List<String> folders;
  private final String stem;
  private final String title;

  Part(List<String> folders, String stem, String title) {
    this.folders = folders;
    this.stem = stem;
    this.title = title;
  }

  /** What its folder may be called, the usual name first. */
  List<String> folders() {
    return folders;
  }

  /** What its safetensors files begin with. */
  String stem() {
    return stem;
  }

  /** What its files of PyTorch begin with. */
  String torchStem() {
    return this == TEXT_ENCODER ? "pytorch_model" : stem;
  }

  /** What people call it. */
  public String title() {
    return title;
  }

  /** The same with its article, for error texts. */
  String noun() {
    return "a " + title;
  }
}
