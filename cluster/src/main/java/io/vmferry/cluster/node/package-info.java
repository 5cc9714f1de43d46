/**
 * One node's part in the cluster: the agent that speaks for its VM host, the directory of what
 * every node has said of itself, and the relay of one side of a migration.
 */
@NullMarked
package io.vmferry.cluster.node;

import org.jspecify.annotations.NullMarked;
