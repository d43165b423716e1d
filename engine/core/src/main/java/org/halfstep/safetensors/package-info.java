/**
 * Reading and writing of safetensors files: an 8-byte little-endian header length, a JSON header,
 * then raw little-endian row-major data. The reader trusts nothing it reads; the writer replaces a
 * file whole or not at all.
 */
package org.halfstep.safetensors;
