/** Other engines on the networks that Halfstep is timed with; built with the profile "peers". */
package org.halfstep.bench.peers;
