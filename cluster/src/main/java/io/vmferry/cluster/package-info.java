/**
 * What makes several nodes one system: the settings and the start of a node's cluster part. The
 * node's agent and directory are in {@code node}, the orchestrator in {@code orchestrator}.
 *
 * <p>What a process that embeds it uses: {@link io.vmferry.cluster.ClusterConfig} for the actor
 * system's configuration; {@link io.vmferry.cluster.ClusterNode#start} in the guardian and {@link
 * io.vmferry.cluster.ClusterNode#join} once the process is ready; {@link
 * io.vmferry.cluster.node.NodeDirectory.ListNodes} for all nodes with their guests and capacity;
 * {@link io.vmferry.cluster.orchestrator.Orchestrator.Migrate}, {@code CancelMigration}, {@code
 * GetMigration} and {@code ListMigrations} to the orchestrator from any node; and {@link
 * io.vmferry.cluster.orchestrator.MigrationFollower} to hear of a migration to its end.
 */
@NullMarked
package io.vmferry.cluster;

import org.jspecify.annotations.NullMarked;
