package io.vmferry.daemon.bench;

import io.vmferry.kvm.memory.DirectBuffers;
import io.vmferry.kvm.memory.Memfd;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.streams.config.GuestRamMapping;
import io.vmferry.streams.config.VmMigrationConfig;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.transport.Listener;
import io.vmferry.streams.transport.MigrationUrl;
import io.vmferry.streams.wire.Command;
import io.vmferry.streams.wire.MemoryRange;
import io.vmferry.streams.wire.ProtocolException;
import io.vmferry.streams.wire.Request;
import io.vmferry.streams.wire.Response;
import io.vmferry.streams.wire.WireFormat;
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

  private OnePageReceiver() {}

  /** Runs it. */
  public static void main(String[] args) throws IOException {
    try (Listener listener = Listener.bind(new MigrationUrl.Tcp(args[0], 0))) {
      System.out.println("port " + ((MigrationUrl.Tcp) listener.url()).port());
      System.out.flush();
      try (Connection main = listener.accept()) {
        receive(listener, new RawDestination(main));
      }
    }
  }

  private static void receive(Listener listener, RawDestination source) throws IOException {
    source.command(Command.START);
    source.ok();
    VmMigrationConfig config = VmMigrationConfig.parse(source.command(Command.CONFIG));
    source.ok();
    try (Connection faults = RawDestination.acceptFaults(listener)) {
      source.command(Command.STATE);
      source.ok();
      source.command(Command.COMPLETE);
      source.ok();
      long start = System.nanoTime();
      long pages = fetch(faults, config);
      System.out.printf(
          Locale.ROOT,
          "{\"pages\": %d, \"seconds\": %.6f}%n",
          pages,
          (System.nanoTime() - start) / 1e9);
    }
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
