/** JMH benchmarks, the runs that stand beside other engines', and the reports both write. */
package org.halfstep.bench;
