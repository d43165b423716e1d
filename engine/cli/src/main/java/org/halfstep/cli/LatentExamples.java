package org.halfstep.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.halfstep.checkpoint.Component;
import org.halfstep.cli.console.ImageProgress;
import org.halfstep.cli.option.DataOption;
import org.halfstep.cli.option.LatentsOption;
import org.halfstep.data.CaptionedPictures;
import org.halfstep.data.ImageDataset;
import org.halfstep.data.ImageSource;
import org.halfstep.data.MaskedPictures;
import org.halfstep.device.DataType;
import org.halfstep.device.Device;
import org.halfstep.device.Owned;
import org.halfstep.latent.FirstStage;
import org.halfstep.latent.FirstStageOptions;
import org.halfstep.latent.LatentCache;
import org.halfstep.latent.LatentCacheWriter;
import org.halfstep.train.CaptionedLatents;
import org.halfstep.train.Examples;
import org.halfstep.train.InpaintingLatents;
import org.halfstep.train.LabelledLatents;

/**
 * Pictures as what a latent model learns from, or is measured on: latents, which are made where
 * they are not there yet, with captions or classes, and under masks.
 *
 * @param stage the autoencoder
 * @param side of the pictures
 * @param mirror whether they are flipped at random
 * @param masks of each picture for an inpainting network; 0 for another one
 * @param factor pixels of a picture per pixel of a latent, in each direction
 * @param seed of the masks
 * @param folder of the run
 * @param owned closes what is opened
 */
record LatentExamples(
    Device device,
    Component stage,
    int side,
    boolean mirror,
    int masks,
    int factor,
    long seed,
    Path folder,
    Owned owned,
    PrintWriter out) {
  /** Held-out pictures that are encoded: enough for ten bins of time. */
  static final int MOST_HELD_OUT = 320;

  private static final int CHANNELS = 3;

  /**
   * The training pictures.
   *
   * @param captions of the same pictures; null for classes
   * @param latents where they are kept
   */
  Examples training(ImageDataset images, CaptionedPictures captions, Path latents)
      throws IOException {
    return of(images, captions, latents, folder.resolve("masked-latents.safetensors"), mirror);
  }

  /**
   * The captions of pictures that are not learned from, {@link #MOST_HELD_OUT} at most.
   *
   * @return empty where all are learned from
   */
  static Optional<CaptionedPictures> heldOutCaptions(DataOption data) throws IOException {
    return data.heldOutCaptioned(MOST_HELD_OUT);
  }

  /** Pictures that are not learned from, as they are. */
  Examples heldOut(DataOption data, CaptionedPictures captions) throws IOException {
    return heldOut(owned.add(data.open(captions, side, CHANNELS)), captions);
  }

  /**
   * Pictures of classes that are not learned from, as they are, {@link #MOST_HELD_OUT} at most.
   *
   * @return empty where all are learned from
   */
  Optional<Examples> heldOutClasses(DataOption data, ImageDataset training) throws IOException {
    Optional<ImageDataset> held =
        data.openHeldOut(side, CHANNELS, training.classNames(), MOST_HELD_OUT);
    return held.isEmpty() ? Optional.empty() : Optional.of(heldOut(owned.add(held.get()), null));
  }

  private Examples heldOut(ImageDataset images, CaptionedPictures captions) throws IOException {
    return of(
        images,
        captions,
        folder.resolve("held-out-latents.safetensors"),
        folder.resolve("held-out-masked-latents.safetensors"),
        false);
  }

  private Examples of(
      ImageDataset images,
      CaptionedPictures captions,
      Path latents,
      Path maskedLatents,
      boolean mirrored)
      throws IOException {
    Files.createDirectories(folder);
    LatentCache cache = owned.add(LatentsOption.open(device, stage, images, latents, out));
    Examples examples =
        captions == null
            ? new LabelledLatents(images, cache, mirrored)
            : new CaptionedLatents(captions, cache, mirrored);
    if (masks == 0) {
      return examples;
    }
    LatentCache masked = owned.add(masked(images, cache, maskedLatents));
    return new InpaintingLatents(examples, masked, masks, seed, factor, mirrored);
  }

  /** The latents of the pictures under their masks, beside those of the pictures. */
  private LatentCache masked(ImageDataset images, LatentCache cache, Path file) throws IOException {
    LatentCache.Origin whole = cache.origin();
    LatentCache.Origin origin =
        new LatentCache.Origin(
            whole.autoencoder(),
            whole.scaling(),
            whole.isGaussian(),
            whole.pictures() + " under " + masks + " masks of seed " + seed + ", exactly grey");
    FirstStageOptions exact = FirstStageOptions.standard().withPrecision(DataType.F32);
    try (FirstStage opened = FirstStage.open(device, stage, exact);
        MaskedPictures masked = new MaskedPictures(ImageSource.of(images), masks, seed);
        ImageProgress progress = new ImageProgress(out, "encoding masked", masked.count())) {
      return LatentCacheWriter.openOrMake(
          file, origin, opened, masked, masked::painted, progress::show);
    }
  }
}
