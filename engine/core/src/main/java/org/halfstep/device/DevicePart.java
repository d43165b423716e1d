package org.halfstep.device;

/**
 * Something that a device consists of or runs on, for people.
 *
 * @param name one word: "oneDNN", "driver"
 * @param description its version, and where it was found
 */
public record DevicePart(String name, String description) {}
