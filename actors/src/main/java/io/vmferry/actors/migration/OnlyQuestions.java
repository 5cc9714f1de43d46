package io.vmferry.actors.migration;

import io.vmferry.streams.transfer.Inbound;
import io.vmferry.streams.transport.Connection;

/** Of a {@link Reception} whose migration has ended: nothing but questions is of any use. */
final class OnlyQuestions implements ReceptionEvents {
  @Override
  public void sourceConnected() {
    throw new IllegalStateException("the source was connected before");
  }

  @Override
  public void inbound(Inbound event) {
    throw new IllegalStateException("there is no main connection");
  }

  @Override
  public void faultConnection(Connection connection) {
    connection.close();
  }

  @Override
  public void pushConnection(Connection connection) {
    connection.close();
  }

  @Override
  public void settled() {
    throw new IllegalStateException("there is no main connection");
  }

  @Override
  public void ended() {
    throw new IllegalStateException("there is no main connection");
  }

  @Override
  public void failed(Throwable cause) {
    // A stranger's connection, or one that the source gave up; it may open another.
  }
}
