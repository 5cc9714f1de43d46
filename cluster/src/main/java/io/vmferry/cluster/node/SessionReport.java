package io.vmferry.cluster.node;

import io.vmferry.actors.migration.MigrationEvent;
import io.vmferry.actors.vm.FailureCode;
import io.vmferry.cluster.CborSerializable;
import org.apache.pekko.actor.typed.ActorRef;

/** What a node's relay tells the one who asked for a session: how it began, then its events. */
public sealed interface SessionReport extends CborSerializable {
  /** Which end of the migration speaks. */
  SessionSide side();

  /**
   * The session runs.
   *
   * @param side which end
   * @param sessionId its id on that node's host
   * @param url where the destination listens, as other nodes dial it; where the source dials
   * @param session takes cancellations and the acknowledgement of the ending
   */
  record Started(
      SessionSide side, String sessionId, String url, ActorRef<SessionRelay.Command> session)
      implements SessionReport {}

  /** The session did not start, and nothing changed on that node. */
  record Refused(SessionSide side, FailureCode code, String reason) implements SessionReport {}

  /**
   * The session's progress or ending. An ending is told again until it is acknowledged to {@code
   * session}.
   */
  record Happened(SessionSide side, MigrationEvent event, ActorRef<SessionRelay.Command> session)
      implements SessionReport {}

  /** A cancellation came too late; the session goes on. */
  record CancelRefused(SessionSide side, FailureCode code, String reason)
      implements SessionReport {}
}
