/**
 * Training that can be killed at any moment and ends with the same bits: an update's number decides
 * its examples and every draw, a step is one recorded sequence, and checkpoints are folders that
 * are written aside and renamed.
 */
package org.halfstep.train;
