/**
 * Quality of sets of generated images, from features and logits that some network gave for them:
 * Frechet distance (FID), Inception Score, kernel distance (KID), precision and recall. Everything
 * is computed in double. Which network made the features is the caller's to say; numbers of
 * different networks cannot be compared.
 */
package org.halfstep.metrics;
