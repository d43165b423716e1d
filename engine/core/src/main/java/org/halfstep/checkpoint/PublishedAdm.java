package org.halfstep.checkpoint;

/**
 * The published networks of guided-diffusion, and EDM's of the consistency models' release, with
 * the options that their pages name. Which one a file is follows from its tensors.
 */
enum PublishedAdm {
  IMAGENET_64("64x64_diffusion.pt", classes(64, 192, 3, -1, 64, 0.1, true, "cosine", true)),
  IMAGENET_128("128x128_diffusion.pt", classes(128, 256, 2, 4, -1, 0, false, "linear", true)),
  IMAGENET_256("256x256_diffusion.pt", classes(256, 256, 2, -1, 64, 0, false, "linear", true)),
  IMAGENET_512("512x512_diffusion.pt", classes(512, 256, 2, -1, 64, 0, false, "linear", true)),
  EDM_IMAGENET_64("edm_imagenet64_ema.pt", edm(64, 192, 3, true)),
  EDM_LSUN_256("edm_bedroom256_ema.pt or edm_cat256_ema.pt", edm(256, 256, 2, false));

  private final String file;
  private final AdmFlags flags;

  PublishedAdm(String file, AdmFlags flags) {
    this.file = file;
    this.flags = flags;
  }

  private static AdmFlags classes(
      int side,
      int channels,
      int blocks,
      int heads,
      int headChannels,
      double dropout,
      boolean newOrder,
      String schedule,
      boolean learnsVariance) {
    return new AdmFlags(
        side,
        channels,
        blocks,
        Math.max(1, heads),
        headChannels,
        "32,16,8",
        null,
        dropout,
        true,
        true,
        newOrder,
        learnsVariance,
        1000,
        schedule,
        false,
        null,
        null);
  }

  /** Their attention splits queries, keys and values before heads, as the fused kernel has it. */
  private static AdmFlags edm(int side, int channels, int blocks, boolean scaleShiftNorm) {
    return new AdmFlags(
        side,
        channels,
        blocks,
        1,
        64,
        "32,16,8",
        null,
        0.1,
        scaleShiftNorm,
        true,
        true,
        false,
        1000,
        null,
        false,
        0.002,
        80.0);
  }

  /** What its file is called. */
  String file() {
    return file;
  }

  AdmFlags flags() {
    return flags;
  }
}
