package org.halfstep.train;

import java.util.List;
import java.util.Random;
import org.halfstep.data.ImageDataset;
import org.halfstep.device.DataType;

/** An autoencoder of a few thousand parameters, and pictures that it can learn. */
final class SmallAutoencoders {
  static final int SIDE = 16;

  private SmallAutoencoders() {}

  static AutoencoderSettings settings(OptimizerSettings optimizer, int batch, double divergence) {
    return settings(optimizer, batch, divergence, 40);
  }

  static AutoencoderSettings settings(
      OptimizerSettings optimizer, int batch, double divergence, long updates) {
    return new AutoencoderSettings(
        new AutoencoderShape(SIDE, 3, 4, List.of(8, 16), 1, 4),
        batch,
        updates,
        4e-3,
        4,
        optimizer,
        DataType.F32,
        0.5,
        2,
        divergence,
        true,
        3,
        7);
  }

  /** A bright rectangle of some colour on white. */
  static ImageDataset pictures(int count) {
    Random random = new Random(2);
    byte[] pixels = new byte[count * SIDE * SIDE * 3];
    for (int i = 0; i < count; i++) {
      int top = random.nextInt(SIDE / 2);
      int left = random.nextInt(SIDE / 2);
      int size = 4 + random.nextInt(SIDE / 2 - 3);
      int colour = random.nextInt(1 << 24);
      for (int y = 0; y < SIDE; y++) {
        for (int x = 0; x < SIDE; x++) {
          boolean inside = y >= top && y < top + size && x >= left && x < left + size;
          for (int c = 0; c < 3; c++) {
            int at = ((i * SIDE + y) * SIDE + x) * 3 + c;
            pixels[at] = (byte) (inside ? colour >> (8 * c) : 255);
          }
        }
      }
    }
    return ImageDataset.of(pixels, new int[count], SIDE, SIDE, 3, List.of("all"));
  }
}
