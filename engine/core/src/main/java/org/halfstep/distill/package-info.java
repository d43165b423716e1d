/**
 * The two stages of "On Distillation of Guided Diffusion Models" (Meng et al., 2023): a guided
 * teacher becomes one network that takes the guidance strength as an input, whose steps are then
 * halved again and again.
 */
package org.halfstep.distill;
