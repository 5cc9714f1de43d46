package io.vmferry.actors.migration;

import io.vmferry.streams.transfer.Inbound;
import io.vmferry.streams.transport.Connection;

/** Lets everything that happens at a reception pass. */
class Unheard implements ReceptionEvents {
  @Override
  public void sourceConnected() {}

  @Override
  public void inbound(Inbound event) {}

  @Override
  public void faultConnection(Connection connection) {}

  @Override
  public void pushConnection(Connection connection) {}

  @Override
  public void settled() {}

  @Override
  public void ended() {}

  @Override
  public void failed(Throwable cause) {}
}
