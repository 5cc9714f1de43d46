package io.vmferry.streams.snapshot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.GuestRegion;
import io.vmferry.kvm.memory.Mapping;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.kvm.testing.RequiresUffd;
import io.vmferry.kvm.uffd.FaultBatch;
import io.vmferry.kvm.uffd.Installed;
import io.vmferry.kvm.uffd.Uffd;
import io.vmferry.streams.transfer.FaultServing;
import io.vmferry.streams.transfer.Guests;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.transport.Connector;
import io.vmferry.streams.transport.Listener;
import io.vmferry.streams.transport.MigrationUrl;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.MemoryRange;
import io.vmferry.streams.wire.Request;
import io.vmferry.streams.wire.Response;
import io.vmferry.streams.wire.WireFormat;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * A VMM that asks for a page once more: the guest wrote to it, the kernel took its mapping away,
 * and the next access is a fault again.
 */
@RequiresUffd
@Timeout(60)
class ReclaimedPageIT {
  @TempDir private Path disk;

  @Test
  void whatTheGuestWroteOutlastsAnotherFault() throws Exception {
    Path kept = disk.resolve("s");
    try (GuestMemory guest = Guests.threeRegions()) {
      guest.write(guest.regions().get(1).base(), new byte[] {1});
      try (DirectoryWriter writer = DirectoryWriter.begin(kept)) {
        Snapshots.write(writer, guest);
      }
    }
    try (Listener listener = Listener.bind(new MigrationUrl.Unix(disk.resolve("faults.sock")));
        DirectoryReader reader = DirectoryReader.open(kept);
        SnapshotMemory served = SnapshotMemory.create(reader, PageSize.KIB_4);
        Uffd uffd = Uffd.open();
        Mapping vmm = mapAgain(served.memory().regions().get(1))) {
      uffd.register(vmm.hva(), vmm.lengthBytes(), EnumSet.of(Uffd.Mode.MISSING, Uffd.Mode.MINOR));
      Future<Boolean> serving;
      try (Connection asking = Connector.connect(listener.url(), Duration.ofSeconds(10))) {
        Connection answering = listener.accept();
        serving = Workers.start("serving", () -> serve(answering, served));

        assertEquals(1, touch(vmm, uffd, asking));
        vmm.fill(0, 1, (byte) 42);
        vmm.dontNeed(0, Guests.PAGE);

        assertEquals(42, touch(vmm, uffd, asking));
      }
      Workers.awaitEnd(serving);
    }
  }

  private static void serve(Connection connection, SnapshotMemory served) throws IOException {
    try (connection) {
      FaultServing.ofShared(
              connection,
              served.memory(),
              FaultServing.servedPages(served.memory()),
              Extensions.NONE,
              served)
          .run();
    }
  }

  private static Mapping mapAgain(GuestRegion region) throws IOException {
    return region.memfd().map(region.fileOffset(), region.sizeBytes());
  }

  /** Reads the first byte, which is a fault, and brings the page as a VMM does. */
  private static byte touch(Mapping vmm, Uffd uffd, Connection asking) throws Exception {
    CompletableFuture<Byte> read =
        CompletableFuture.supplyAsync(
            () -> {
              ByteBuffer one = ByteBuffer.allocateDirect(1);
              vmm.copyOut(0, one);
              return one.get(0);
            });
    FaultBatch faults = new FaultBatch(1);
    while (uffd.read(faults) == 0) {
      Thread.onSpinWait();
    }
    assertEquals(vmm.hva().value(), faults.address(0) & -Guests.PAGE);

    bring(asking);
    Installed unused = uffd.resume(vmm.hva(), Guests.PAGE);

    return read.get(30, TimeUnit.SECONDS);
  }

  private static void bring(Connection asking) throws IOException {
    ByteBuffer frame = ByteBuffer.allocate(WireFormat.REQUEST_BYTES + WireFormat.RANGE_BYTES);
    Request.pageFault().encode(frame);
    new MemoryRange(Guests.HIGH_BASE, Guests.PAGE).encode(frame);
    asking.writeFully(frame.flip());
    ByteBuffer answer = ByteBuffer.allocate(WireFormat.RESPONSE_BYTES);
    asking.readFully(answer);
    Response response = Response.decode(answer.flip());
    assertTrue(response.isOk());
    assertEquals(0, response.length());
  }
}
