/** TensorBoard's event files, which its pages draw curves from. */
package org.halfstep.tensorboard;
