/**
 * Small programs over the library's public classes, each a file of its own: they run as they are,
 * without a build of their own.
 *
 * <pre>
 * java --enable-native-access=ALL-UNNAMED -cp 'target/jars/*' \
 *     examples/src/main/java/org/halfstep/examples/SampleImages.java
 * </pre>
 */
package org.halfstep.examples;
