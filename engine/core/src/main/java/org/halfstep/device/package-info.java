/**
 * What a device is to the rest of the engine: memory that is owned and closed ({@link
 * org.halfstep.device.Slab}), operations that are bound once and run many times ({@link
 * org.halfstep.device.Operations}), and sequences of them ({@link org.halfstep.device.Sequence}).
 * Which device runs is decided by name in {@link org.halfstep.device.Devices}. Addresses are the
 * device's; sizes are bytes or elements, as each method says.
 */
package org.halfstep.device;
