/**
 * Checkpoints of latent diffusion models as other programs publish them: folders of diffusers and
 * single files of CompVis, with their names, configurations and number formats. Whatever the
 * layout, what comes out is one network's tensors under one set of names, those of diffusers, where
 * the files are mapped.
 */
package org.halfstep.checkpoint;
