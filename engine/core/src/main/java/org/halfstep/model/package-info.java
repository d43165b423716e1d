/**
 * Networks and their files. A network is a graph that is written out from its configuration, its
 * weights on a device, and a card that says what it was trained to be. Files are safetensors under
 * the parameter names of the public checkpoints; a reader compares names and shapes before it takes
 * anything in.
 */
package org.halfstep.model;
