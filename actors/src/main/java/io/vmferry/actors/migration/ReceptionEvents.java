package io.vmferry.actors.migration;

import io.vmferry.streams.transfer.Inbound;
import io.vmferry.streams.transport.Connection;

/** What a {@link Reception}'s threads see. Methods are called on those threads, and may block. */
public interface ReceptionEvents {
  /** The main connection is there. */
  void sourceConnected();

  /** A command came; it must be answered before the next one is read. */
  void inbound(Inbound event);

  /** A fault connection is there; it is closed with the reception at the latest. */
  void faultConnection(Connection connection);

  /** A push connection is there; it is closed with the reception at the latest. */
  void pushConnection(Connection connection);

  /** The source has read the answer to Complete. */
  void settled();

  /** The last answer was sent, and no further command comes. */
  void ended();

  /** A connection failed; nothing more comes. */
  void failed(Throwable cause);
}
