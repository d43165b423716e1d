/** The command line: commands, settings, progress, tables and pictures. */
package org.halfstep.cli;
