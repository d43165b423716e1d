package org.halfstep.sample;

/**
 * What a part of a latent model took in a request.
 *
 * @param name "text encoder", "UNet", "first stage"
 * @param openSeconds to bring its weights into memory and pack them; 0 where they were there
 * @param seconds of its work, what it packed on the way included
 * @param bytes of weights, packed weights and intermediates that it held when it was done
 */
public record ComponentUse(String name, double openSeconds, double seconds, long bytes) {}
