/**
 * Draws captioned pictures from sets of icons, emoji and clip art: what {@code make data-pictures}
 * runs. A module of its own, so that the engine does not carry a drawer of SVG.
 */
package org.halfstep.pictures;
