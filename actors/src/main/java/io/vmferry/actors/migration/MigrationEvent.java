package io.vmferry.actors.migration;

import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;

/** What a migration session tells those who follow it: progress, then exactly one ending. */
@JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "event")
@JsonSubTypes({
  @JsonSubTypes.Type(value = MigrationEvent.Progressed.class, name = "progress"),
  @JsonSubTypes.Type(value = MigrationEvent.Finished.class, name = "finished"),
  @JsonSubTypes.Type(value = MigrationEvent.Failed.class, name = "failed")
})
public sealed interface MigrationEvent {
  /** The session that tells it. */
  String migrationId();

  /** The guest's name; empty where it was never learned. */
  String vm();

  /** The session goes on. */
  record Progressed(MigrationProgress progress) implements MigrationEvent {
    @Override
    public String migrationId() {
      return progress.migrationId();
    }

    @Override
    public String vm() {
      return progress.vm();
    }
  }

  /** The guest is on the destination, whole. */
  record Finished(MigrationSummary summary) implements MigrationEvent {
    @Override
    public String migrationId() {
      return summary.migrationId();
    }

    @Override
    public String vm() {
      return summary.vm();
    }
  }

  /** The session ended otherwise. */
  record Failed(MigrationFailure failure) implements MigrationEvent {
    @Override
    public String migrationId() {
      return failure.migrationId();
    }

    @Override
    public String vm() {
      return failure.vm();
    }
  }
}
