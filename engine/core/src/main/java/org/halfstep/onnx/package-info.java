/** The weights in ONNX models, which are Protocol Buffers: graphs are not run. */
package org.halfstep.onnx;
