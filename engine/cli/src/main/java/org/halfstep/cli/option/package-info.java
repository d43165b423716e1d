/** Options that several commands share, and the settings that they override. */
package org.halfstep.cli.option;
