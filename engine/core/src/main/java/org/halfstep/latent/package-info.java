/**
 * The networks of latent diffusion models: each an architecture over the numbers that a checkpoint
 * says of it, with parameters under the names of diffusers and transformers, so that it opens from
 * any of their files.
 */
package org.halfstep.latent;
