package org.halfstep.device;

/**
 * What stays the same through a training run of Adam or AdamW (Kingma and Ba, 2015; Loshchilov and
 * Hutter, 2019).
 *
 * @param beta1 decay of the first moment
 * @param beta2 decay of the second moment
 * @param eps added to the root of the second moment
 * @param weightDecay decay of the weights
 * @param decoupled AdamW instead of Adam
 */
public record AdamSettings(
    double beta1, double beta2, double eps, double weightDecay, boolean decoupled) {}
