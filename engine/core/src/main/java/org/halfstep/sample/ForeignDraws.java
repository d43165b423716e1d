package org.halfstep.sample;

/**
 * What another program draws from an image's seed beside the noise of sampling, in the order in
 * which it does: the latents of pictures.
 *
 * @param before tensors that are drawn before the noise that sampling begins with
 * @param between tensors that are drawn between that noise and the first step's
 */
record ForeignDraws(int before, int between) {
  /** Nothing but noise. */
  static final ForeignDraws NONE = new ForeignDraws(0, 0);

  /** Place of what is drawn behind the noise that sampling begins with. */
  int behindStart() {
    return before + 1;
  }
}
