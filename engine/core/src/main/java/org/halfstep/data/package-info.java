/**
 * Image datasets in memory (IDX, CIFAR, folders of images), pictures out of it, and files of
 * samples. Pixels are 8-bit NHWC. Readers check sizes before they allocate, refuse a file in one
 * line, and never hand out a half-loaded dataset.
 */
package org.halfstep.data;
