package org.halfstep.sample;

import java.io.IOException;
import org.halfstep.latent.FirstStage;
import org.halfstep.latent.LatentUNetConfig;
import org.halfstep.latent.TextEncoder;
import org.halfstep.model.ModelCard;
import org.halfstep.model.Network;
import org.halfstep.sample.LatentOptions.Residency;

/**
 * The parts of a latent model that are in memory: each is opened when it is asked for, and stays
 * until it is given back.
 */
final class RunningParts implements AutoCloseable {
  /** Latent pixels of images that are evaluated together: one image of 512x512. */
  private static final int MOST_PIXELS = 64 * 64;

  private final LatentComponents components;
  private final ModelOptions options;

  private TextEncoder textEncoder;
  private FirstStage firstStage;
  private Network<LatentUNetConfig, ModelCard> unet;
  private LatentDenoiser denoiser;
  private Sampler sampler;

  /**
   * @param components stay the caller's
   */
  RunningParts(LatentComponents components, ModelOptions options) {
    this.components = components;
    this.options = options;
  }

  /** Whether parts stay in memory between requests. */
  boolean areKept() {
    return options.latent().residency() == Residency.KEEP;
  }

  TextEncoder textEncoder() throws IOException {
    if (textEncoder == null) {
      textEncoder = components.openTextEncoder();
    }
    return textEncoder;
  }

  FirstStage firstStage() throws IOException {
    if (firstStage == null) {
      firstStage = components.openFirstStage();
    }
    return firstStage;
  }

  /** A sampler of latents of a size. */
  Sampler sampler(int height, int width) throws IOException {
    if (sampler != null && denoiser.height() == height && denoiser.width() == width) {
      return sampler;
    }
    if (sampler != null) {
      sampler.close();
      sampler = null;
    }
    if (unet == null) {
      unet = components.openUNet(height, width);
    }
    denoiser = new LatentDenoiser(unet, components.sampling(), height, width);
    int together = Integer.highestOneBit(Math.max(1, MOST_PIXELS / (height * width)));
    sampler =
        new Sampler(denoiser, Math.min(together, options.maxBatch()), components.unetPrecision());
    return sampler;
  }

  /** What the sampler that was opened last evaluates. */
  LatentDenoiser denoiser() {
    return denoiser;
  }

  void closeTextEncoder() {
    if (textEncoder != null) {
      textEncoder.close();
      textEncoder = null;
    }
  }

  /** Gives back what of the first stage is packed. */
  void releaseFirstStage() {
    if (firstStage != null) {
      firstStage.release();
    }
  }

  void closeUNet() {
    if (sampler != null) {
      sampler.close();
      sampler = null;
    }
    if (unet != null) {
      unet.close();
      unet = null;
    }
  }

  /** Gives back everything; what is asked for later is opened anew. */
  @Override
  public void close() {
    closeTextEncoder();
    closeUNet();
    if (firstStage != null) {
      firstStage.close();
      firstStage = null;
    }
  }
}
