/**
 * Files as such: written whole or not at all, read with checks and digests, and the one exception
 * for data that is not what it should be.
 */
package org.halfstep.files;
