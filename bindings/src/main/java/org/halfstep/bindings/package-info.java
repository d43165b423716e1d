/**
 * Native libraries through the Foreign Function and Memory API, one class for each, in the shape of
 * jextract: our kernels, oneDNN, cuDNN and cuBLASLt. Every status is checked here and becomes an
 * exception with the library's own words. Nothing else in the project reaches native code.
 */
package org.halfstep.bindings;
