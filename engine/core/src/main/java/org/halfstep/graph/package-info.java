/**
 * Networks as flat lists of ops over values ({@link org.halfstep.graph.Graph}), and their binding
 * to a device, a batch and a mode ({@link org.halfstep.graph.Plan}). Each op has its backward pass
 * written by hand. A plan knows the bytes that it takes before it takes them, and allocates nothing
 * when it runs. Values are NHWC: {@code [batch, height, width, channels]}; a sequence of tokens is
 * an image of width 1.
 */
package org.halfstep.graph;
