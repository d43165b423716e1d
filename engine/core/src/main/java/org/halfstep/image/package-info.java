/** Pictures: 8-bit batches, files of single pictures, grids, and resampling. */
package org.halfstep.image;
