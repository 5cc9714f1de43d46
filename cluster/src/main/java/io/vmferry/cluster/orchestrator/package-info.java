/**
 * Migrations across the cluster: the orchestrator, one per cluster, with a run per migration; the
 * record it keeps of each; and the follower that tells a node's clients how one goes.
 */
@NullMarked
package io.vmferry.cluster.orchestrator;

import org.jspecify.annotations.NullMarked;
