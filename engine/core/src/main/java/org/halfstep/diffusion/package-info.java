/**
 * The mathematics of diffusion and of its distillation, in double precision on the host: schedules,
 * conversions, loss weights, guidance, sampler steps, distillation targets. Formulas come as
 * coefficients per sample, for the kernels that apply them to whole images. Time t runs from 0
 * (data) to 1 (noise).
 */
package org.halfstep.diffusion;
