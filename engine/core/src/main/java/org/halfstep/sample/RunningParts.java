package org.halfstep.sample;

import java.io.IOException;
import org.halfstep.graph.WeightUse;
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

  /**
   * How a part is used that a request opens: as often as the request needs it, where it is given
   * back then.
   */
  private WeightUse use(long evaluations) {
    WeightUse usual = components.use();
    return areKept() ? usual : new WeightUse(usual.memory(), evaluations);
  }

  /** An encoder of so many prompts. */
  TextEncoder textEncoder(int prompts) throws IOException {
    if (textEncoder == null) {
      textEncoder = components.openTextEncoder(use(prompts));
    }
    return textEncoder;
  }

  /** A first stage of so many images. */
  FirstStage firstStage(int images) throws IOException {
    if (firstStage == null) {
      boolean isCut = options.latent().tiling() != null;
      firstStage = components.openFirstStage(isCut ? components.use() : use(images));
    }
    return firstStage;
  }

  /**
   * A sampler of latents of a size.
   *
   * @param images of a request
   * @param runs of the network for one of them, or for several together
   */
  Sampler sampler(int height, int width, int images, int runs) throws IOException {
    if (sampler != null && denoiser.height() == height && denoiser.width() == width) {
      return sampler;
    }
    if (sampler != null) {
      sampler.close();
      sampler = null;
    }
    int fitting = Integer.highestOneBit(Math.max(1, MOST_PIXELS / (height * width)));
    int together = Math.min(fitting, options.maxBatch());
    if (unet == null) {
      WeightUse use = use((long) Math.ceilDiv(images, together) * runs);
      unet = components.openUNet(height, width, use);
    }
    denoiser = new LatentDenoiser(unet, components.sampling(), height, width);
    sampler = new Sampler(denoiser, together, components.unetPrecision());
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
