package org.halfstep.doctor;

import java.util.Map;
import java.util.Optional;

/** How many numbers the published networks have, by which they are recognised. */
final class PublishedSizes {
  private static final Map<Long, String> NAMES =
      Map.ofEntries(
          Map.entry(859_520_964L, "the UNet of Stable Diffusion 1"),
          Map.entry(859_535_364L, "the inpainting UNet of Stable Diffusion 1"),
          Map.entry(859_602_884L, "the UNet of a latent consistency model"),
          Map.entry(865_910_724L, "the UNet of Stable Diffusion 2"),
          Map.entry(865_925_124L, "the inpainting UNet of Stable Diffusion 2"),
          Map.entry(401_433_091L, "the UNet of the ImageNet model, with its classes"),
          Map.entry(400_920_579L, "the UNet of the ImageNet model"),
          Map.entry(83_653_863L, "the first stage of Stable Diffusion"),
          Map.entry(55_322_782L, "the VQ first stage of the ImageNet model"),
          Map.entry(123_060_480L, "CLIP's text encoder, ViT-L"),
          Map.entry(340_387_840L, "OpenCLIP's text encoder, ViT-H, 23 layers"),
          Map.entry(352_984_064L, "OpenCLIP's text encoder, ViT-H, 24 layers"));

  private PublishedSizes() {}

  static Optional<String> name(long parameters) {
    return Optional.ofNullable(NAMES.get(parameters));
  }
}
