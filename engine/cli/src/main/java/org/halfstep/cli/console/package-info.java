/**
 * What a person sees of a command: progress, tables, numbers, one line for a failure; and what a
 * person does to it: Ctrl-C.
 */
package org.halfstep.cli.console;
