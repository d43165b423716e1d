package org.halfstep.latent;

import java.util.List;
import org.halfstep.checkpoint.UNetDescription;

/** Small latent UNets: the four of the specification's section 9.2, and smaller ones. */
public final class TinyUNets {
  private static final int GROUPS = 32;

  private TinyUNets() {}

  /** Like Stable Diffusion 1: T1, and with a guidance width of 32 T4. */
  static UNetDescription first(int guidanceWidth) {
    return of(List.of(64, 128, 128), true, 24, List.of(4, 4, 4), false, 4, guidanceWidth);
  }

  /** Like Stable Diffusion 2: T2. */
  static UNetDescription second() {
    return of(List.of(64, 128, 128), true, 40, List.of(4, 8, 8), true, 4, 0);
  }

  /** Like the class-conditional network: T3. */
  static UNetDescription third() {
    return of(List.of(64, 128, 192), false, 20, List.of(1, 1, 1), false, 3, 0);
  }

  private static UNetDescription of(
      List<Integer> channels,
      boolean outermost,
      int context,
      List<Integer> heads,
      boolean linear,
      int latent,
      int guidanceWidth) {
    List<Boolean> down = List.of(outermost, true, !outermost);
    return new UNetDescription(
        latent,
        latent,
        channels,
        down,
        down.reversed(),
        2,
        context,
        heads,
        linear,
        GROUPS,
        guidanceWidth,
        0);
  }

  /** One block per level, of 32 and 64 channels, with everything that a network can have. */
  public static UNetDescription smallest(int guidanceWidth, int classRows) {
    return new UNetDescription(
        4,
        4,
        List.of(32, 64),
        List.of(true, false),
        List.of(false, true),
        1,
        12,
        List.of(2, 4),
        false,
        8,
        guidanceWidth,
        classRows);
  }
}
