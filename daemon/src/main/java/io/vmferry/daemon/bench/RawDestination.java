package io.vmferry.daemon.bench;

import io.vmferry.kvm.OwnedFd;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.transport.Listener;
import io.vmferry.streams.transport.Payloads;
import io.vmferry.streams.wire.Command;
import io.vmferry.streams.wire.ConnectionRole;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.ProtocolException;
import io.vmferry.streams.wire.Request;
import io.vmferry.streams.wire.Response;
import io.vmferry.streams.wire.WireFormat;
import io.vmferry.streams.wire.WireLimits;
import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * The main connection of a destination without a guest: takes the source's commands one after the
 * other, as they are expected. Blocking, one thread.
 */
final class RawDestination {
  private final Connection main;
  private final ByteBuffer request = ByteBuffer.allocateDirect(WireFormat.REQUEST_BYTES);
  private final ByteBuffer answer = ByteBuffer.allocateDirect(WireFormat.RESPONSE_BYTES);

  RawDestination(Connection main) {
    this.main = main;
  }

  /** The next command. */
  Request next() throws IOException {
    main.readFully(request.clear());
    return Request.decode(request.flip());
  }

  /** The payload of the next command, which must be this one. */
  byte[] command(Command expected) throws IOException {
    Request header = next();
    if (header.command() != expected) {
      throw new ProtocolException(expected.toString(), header.toString());
    }
    return payload(header);
  }

  /** The payload of a command. */
  byte[] payload(Request header) throws IOException {
    return Payloads.read(main, WireLimits.check(header));
  }

  /** The memory file of a slot; the caller owns it. */
  OwnedFd descriptor() throws IOException {
    return main.receiveWithFd(ByteBuffer.allocate(WireFormat.SLOT_BYTES));
  }

  void ok() throws IOException {
    ok(Extensions.NONE);
  }

  /** The answer to Start. */
  void ok(Extensions taken) throws IOException {
    answer.clear();
    Response.ok(taken).encode(answer);
    main.writeFully(answer.flip());
  }

  /** The connection that page faults are sent on, which the source opens. */
  static Connection acceptFaults(Listener listener) throws IOException {
    Connection faults = listener.accept();
    ByteBuffer role = ByteBuffer.allocateDirect(WireFormat.ROLE_BYTES);
    faults.readFully(role);
    if (ConnectionRole.decode(role.flip()) != ConnectionRole.FAULT) {
      throw new ProtocolException("a fault connection", "another");
    }
    faults.noDelay(true);
    return faults;
  }
}
