/**
 * Is a latent model whole, and does it do what it says? A minute of questions whose answers are
 * known for every good model, each answered with a measured number.
 */
package org.halfstep.doctor;
