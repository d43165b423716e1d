package org.halfstep.bench;

import java.util.List;
import org.halfstep.checkpoint.AutoencoderDescription;
import org.halfstep.checkpoint.UNetDescription;

/** The networks of Stable Diffusion 1.5. */
final class LatentShapes {
  private static final double SCALING = 0.18215;

  static final UNetDescription UNET =
      new UNetDescription(
          4,
          4,
          List.of(320, 640, 1280, 1280),
          List.of(true, true, true, false),
          List.of(false, true, true, true),
          2,
          768,
          List.of(8, 8, 8, 8),
          false,
          32,
          0,
          0);

  static final AutoencoderDescription AUTOENCODER =
      new AutoencoderDescription(3, 4, List.of(128, 256, 512, 512), 2, 32, SCALING, 0, 4);

  private LatentShapes() {}
}
