package org.halfstep.graph;

/**
 * A group normalisation, {@code f((1 + scale) norm(x) + shift)}, that {@link
 * Graph#groupNormConvolution} applies to what a convolution reads.
 *
 * @param name what a profile calls it
 * @param x what is normalised; may be a concatenation
 * @param weight per channel
 * @param bias per channel
 * @param groups groups over all channels
 * @param modulation scale, then shift, per channel; null for none
 * @param silu whether f is SiLU, else identity
 */
public record GroupNorm(
    String name,
    Value x,
    Parameter weight,
    Parameter bias,
    int groups,
    Slice modulation,
    boolean silu) {}
