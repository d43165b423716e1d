/** Options that several commands share, and the settings that they are laid over. */
package org.halfstep.cli.option;
