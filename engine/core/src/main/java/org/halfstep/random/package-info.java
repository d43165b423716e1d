/**
 * Random numbers without state: everything random is a function of a seed and of what it is for.
 */
package org.halfstep.random;
