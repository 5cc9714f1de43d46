package io.vmferry.actors.guest;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.actors.vm.DirtyLogPeek;
import io.vmferry.actors.vm.GuestSource;
import io.vmferry.kvm.DirtyBitmapBuffer;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.GuestRegion;
import io.vmferry.kvm.memory.MemoryDigest;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.kvm.testing.RequiresKvm;
import io.vmferry.streams.pages.DirtyPages;
import io.vmferry.streams.pages.PageRun;
import io.vmferry.streams.transfer.DirtyAgain;
import io.vmferry.streams.transfer.MemoryReceiver;
import io.vmferry.streams.transfer.PageEncoding;
import io.vmferry.streams.transfer.PrecopyRound;
import io.vmferry.streams.transfer.PrecopySender;
import io.vmferry.streams.transfer.RoundResult;
import io.vmferry.streams.transfer.Throttle;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.transport.Connector;
import io.vmferry.streams.transport.Listener;
import io.vmferry.streams.transport.MigrationUrl;
import io.vmferry.streams.wire.Extensions;
import java.time.Duration;
import java.util.Iterator;
import java.util.List;
import java.util.Random;
import org.apache.pekko.actor.testkit.typed.javadsl.ActorTestKit;
import org.apache.pekko.stream.KillSwitches;
import org.apache.pekko.stream.Materializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

/** A guest on real KVM that rewrites a small set faster than it can be sent. */
@RequiresKvm
class DirtyAgainIT {
  private static final ActorTestKit KIT = ActorTestKit.create();
  private static final long MIB = 1L << 20;
  private static final long MEMORY = 64 * MIB;
  private static final long WORKING_SET = MIB / 4;
  private static final long FILLED = 16 * MIB;

  private final Materializer materializer = Materializer.matFromSystem(KIT.system());

  @AfterAll
  static void stop() {
    KIT.shutdownTestKit();
  }

  @Test
  void pagesThatAreRewrittenInTheRoundAreSentOnceAtTheEnd() throws Exception {
    try (GuestRun guest = new GuestRun(KIT, 1, MEMORY, new GuestSource.Standard(WORKING_SET, 0));
        GuestMemory destination = GuestMemory.allocate(MEMORY, PageSize.KIB_4);
        Listener listener = Listener.bind(MigrationUrl.parse("tcp:127.0.0.1:0"));
        Connection source = Connector.connect(listener.url(), Duration.ofSeconds(10));
        Connection sink = listener.accept()) {
      new MemoryReceiver(destination, Extensions.NONE, bytes -> {}).receiveAll(sink, materializer);
      GuestMemory memory = guest.machine().memory();
      byte[] noise = new byte[(int) FILLED];
      new Random(1).nextBytes(noise);
      memory.write(memory.regions().get(0).base().plus(MEMORY - FILLED), noise);
      guest.boot();
      guest.awaitReport(report -> report.sweeps() > 4);

      startLog(guest);
      RoundResult blind = send(memory, source, DirtyAgain.NEVER);
      collect(guest);
      RoundResult seeing = send(memory, source, new DirtyLogPeek(guest.machine()));
      guest.pause();
      Iterator<PageRun> last = collect(guest).runs();
      send(memory, source, PrecopyRound.plain(last));

      assertEquals(MemoryDigest.of(memory), MemoryDigest.of(destination));
      assertEquals(0, blind.skippedBytes());
      assertEquals(blind.bytes(), seeing.bytes() + seeing.skippedBytes());
      // Every page of the set is rewritten long before its chunk is due.
      assertTrue(seeing.skippedBytes() >= WORKING_SET, seeing.toString());
    }
  }

  /** All memory in rounds of two seconds; what the guest rewrites comes last. */
  private RoundResult send(GuestMemory memory, Connection to, DirtyAgain dirtyAgain)
      throws Exception {
    List<PageRun> runs =
        List.of(new PageRun(MEMORY - FILLED, FILLED), new PageRun(0, MEMORY - FILLED));
    return send(memory, to, new PrecopyRound(runs.iterator(), PageEncoding.plain(), dirtyAgain));
  }

  private RoundResult send(GuestMemory memory, Connection to, PrecopyRound round) throws Exception {
    return new PrecopySender(materializer)
        .sendRound(
            round,
            memory,
            List.of(to),
            new Throttle(32 * MIB),
            KillSwitches.shared("round"),
            (bytes, wire) -> {})
        .toCompletableFuture()
        .get(60, SECONDS);
  }

  private static void startLog(GuestRun guest) throws Exception {
    GuestRegion region = guest.machine().memory().regions().get(0);
    guest
        .machine()
        .kvm()
        .setMemslot(region.slot(), region.base(), region.sizeBytes(), region.mapping().hva(), true);
  }

  private static DirtyPages collect(GuestRun guest) throws Exception {
    GuestRegion region = guest.machine().memory().regions().get(0);
    try (DirtyBitmapBuffer log = guest.machine().kvm().newDirtyBitmap(MEMORY / 4096)) {
      guest.machine().kvm().readDirtyLog(region.slot(), log);
      guest.machine().kvm().clearDirtyLog(region.slot(), 0, log.pages(), log);
      return DirtyPages.ofRegion(region.base(), log.pages(), log.view());
    }
  }
}
