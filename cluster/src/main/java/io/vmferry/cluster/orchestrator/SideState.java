package io.vmferry.cluster.orchestrator;

import io.vmferry.actors.migration.MigrationFailure;
import io.vmferry.actors.migration.MigrationSummary;
import org.jspecify.annotations.Nullable;

/** What is known of one side of a migration. */
sealed interface SideState {
  /** It was not asked to do anything: certain that it did nothing. */
  record NotAsked() implements SideState {}

  /** It was asked and has not ended. */
  record Active() implements SideState {}

  /** It ended well. */
  record Finished(MigrationSummary summary) implements SideState {}

  /** It ended otherwise, or refused to begin. */
  record Failed(MigrationFailure failure) implements SideState {}

  /** Its node was removed from the cluster, or its agent stopped: it will not say how it ended. */
  record Lost() implements SideState {}

  /** Its node is there, but it did not say how it ended in time. */
  record Silent() implements SideState {}

  /** Whether nothing more is to come from it. */
  default boolean isOver() {
    return !(this instanceof Active) && !(this instanceof NotAsked);
  }

  /** The figures, if it ended well. */
  default @Nullable MigrationSummary summaryOrNull() {
    return this instanceof Finished finished ? finished.summary() : null;
  }
}
