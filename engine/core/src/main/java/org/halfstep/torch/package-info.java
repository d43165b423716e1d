/**
 * Files of tensors that PyTorch's {@code torch.save} wrote, in both of its formats. A reader of
 * nothing but tensors: whatever else a pickle asks for is refused by name.
 */
package org.halfstep.torch;
