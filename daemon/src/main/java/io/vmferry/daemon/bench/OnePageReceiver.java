package io.vmferry.daemon.bench;

import io.vmferry.kvm.memory.DirectBuffers;
import io.vmferry.kvm.memory.Memfd;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.streams.config.GuestRamMapping;
import io.vmferry.streams.config.VmMigrationConfig;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.transport.Listener;
import io.vmferry.streams.transport.MigrationUrl;
import io.vmferry.streams.transport.Payloads;
import io.vmferry.streams.wire.Command;
import io.vmferry.streams.wire.ConnectionRole;
import io.vmferry.streams.wire.MemoryRange;
import io.vmferry.streams.wire.ProtocolException;
import io.vmferry.streams.wire.Request;
import io.vmferry.streams.wire.Response;
import io.vmferry.streams.wire.WireFormat;
import io.vmferry.streams.wire.WireLimits;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Locale;

/**
 * Main class of a postcopy destination that has one page request under way at a time, in order of
 * addresses, holes and zeros included: what version 0 of the protocol asks for at least, and what
 * its reference does. No guest runs; the pages go into a memory file.
 *
 * <p>Argument: where to listen. Prints {@code port N}, and at the end one line of JSON.
 */
final class OnePageReceiver {
  private static final int PAGE_BYTES = 4096;

  private final Listener listener;
  private final Connection main;
  private final ByteBuffer request = ByteBuffer.allocateDirect(WireFormat.REQUEST_BYTES);
  private final ByteBuffer answer = ByteBuffer.allocateDirect(WireFormat.RESPONSE_BYTES);

  private OnePageReceiver(Listener listener, Connection main) {
    this.listener = listener;
    this.main = main;
  }

  /** Runs it. */
  public static void main(String[] args) throws IOException {
    try (Listener listener = Listener.bind(new MigrationUrl.Tcp(args[0], 0))) {
      System.out.println("port " + ((MigrationUrl.Tcp) listener.url()).port());
      System.out.flush();
      try (Connection main = listener.accept()) {
        new OnePageReceiver(listener, main).receive();
      }
    }
  }

  private void receive() throws IOException {
    command(Command.START);
    ok();
    VmMigrationConfig config = VmMigrationConfig.parse(command(Command.CONFIG));
    ok();
    try (Connection faults = listener.accept()) {
      ByteBuffer role = ByteBuffer.allocateDirect(WireFormat.ROLE_BYTES);
      faults.readFully(role);
      if (ConnectionRole.decode(role.flip()) != ConnectionRole.FAULT) {
        throw new ProtocolException("a fault connection", "another");
      }
      faults.noDelay(true);
      command(Command.STATE);
      ok();
      command(Command.COMPLETE);
      ok();
      long start = System.nanoTime();
      long pages = fetch(faults, config);
      System.out.printf(
          Locale.ROOT,
          "{\"pages\": %d, \"seconds\": %.6f}%n",
          pages,
          (System.nanoTime() - start) / 1e9);
    }
  }

  private byte[] command(Command expected) throws IOException {
    main.readFully(request.clear());
    Request header = Request.decode(request.flip());
    if (header.command() != expected) {
      throw new ProtocolException(expected.toString(), header.toString());
    }
    return Payloads.read(main, WireLimits.check(header));
  }

  private void ok() throws IOException {
    answer.clear();
    Response.ok().encode(answer);
    main.writeFully(answer.flip());
  }

  private static long fetch(Connection faults, VmMigrationConfig config) throws IOException {
    ByteBuffer ask = ByteBuffer.allocateDirect(WireFormat.REQUEST_BYTES + WireFormat.RANGE_BYTES);
    ByteBuffer page = DirectBuffers.allocate(WireFormat.RESPONSE_BYTES + PAGE_BYTES);
    long pages = 0;
    try (Memfd memory = Memfd.create("one-page", config.memoryBytes(), PageSize.KIB_4)) {
      for (GuestRamMapping mapping : config.mappings()) {
        for (long offset = 0; offset < mapping.size(); offset += PAGE_BYTES) {
          ask.clear();
          Request.pageFault().encode(ask);
          new MemoryRange(mapping.gpa() + offset, PAGE_BYTES).encode(ask);
          faults.writeFully(ask.flip());
          faults.readFully(page.clear());
          Response response = Response.decode(page.flip());
          if (!response.isOk() || response.length() != PAGE_BYTES) {
            throw new ProtocolException("a page", response.toString());
          }
          memory.writeAt(mapping.fileOffset() + offset, page);
          pages++;
        }
      }
    }
    return pages;
  }
}
