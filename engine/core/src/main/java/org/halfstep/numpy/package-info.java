/** NumPy's files: single arrays ({@code .npy}) and archives of them ({@code .npz}). */
package org.halfstep.numpy;
