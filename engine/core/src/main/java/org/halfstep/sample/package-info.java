/**
 * Making images: {@link org.halfstep.sample.DiffusionModel} is where programs begin, {@link
 * org.halfstep.sample.SampleRequest} says what to make.
 */
package org.halfstep.sample;
