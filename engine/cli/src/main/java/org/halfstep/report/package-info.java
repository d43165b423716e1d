/**
 * Evidence: measures models side by side, quality and time, keeps every number with what it was
 * measured under, and writes them as a page with plots.
 */
package org.halfstep.report;
