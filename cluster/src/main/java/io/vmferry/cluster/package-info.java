/**
 * What makes several nodes one system: the settings and the start of a node's cluster part. The
 * node's agent and directory are in {@code node}, the orchestrator in {@code orchestrator}.
 */
@NullMarked
package io.vmferry.cluster;

import org.jspecify.annotations.NullMarked;
