/**
 * The node daemon: its settings, its start and stop, and the answers to the /v1 routes from the
 * actors of this process and of the cluster.
 */
@NullMarked
package io.vmferry.daemon.node;

import org.jspecify.annotations.NullMarked;
