package io.vmferry.streams.transfer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.GuestRegion;
import io.vmferry.kvm.memory.MemoryDigest;
import io.vmferry.kvm.sandbox.SeccompMode;
import io.vmferry.kvm.testing.RequiresUffd;
import io.vmferry.kvm.uffd.Uffd;
import io.vmferry.streams.pages.DirtyPages;
import io.vmferry.streams.pages.PageRun;
import io.vmferry.streams.pages.PresentBitmap;
import io.vmferry.streams.sandbox.Sandbox;
import io.vmferry.streams.wire.Command;
import io.vmferry.streams.wire.Extensions;
import io.vmferry.streams.wire.MemoryRange;
import io.vmferry.streams.wire.MemoryRangeTable;
import io.vmferry.streams.wire.ProtocolException;
import io.vmferry.streams.wire.Request;
import io.vmferry.streams.wire.WireFormat;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The postcopy half of hybrid: a destination that has most pages, some of them out of date. */
@RequiresUffd
@Timeout(60)
class HybridFillIT {
  private static final Sandbox FENCED = Sandbox.of(SeccompMode.ERRNO);
  private static final Extensions ALL = Extensions.known();

  private final Random random = Guests.random("HybridFillIT");
  private final LongAdder arrivedBytes = new LongAdder();
  private final LongAdder arrivedPages = new LongAdder();
  private final LongAdder arrivedDigest = new LongAdder();
  @AutoClose private final TwoHosts hosts = TwoHosts.ofThreeRegions();
  private final GuestMemory source = hosts.source();
  private final GuestMemory memory = hosts.destination();
  private MissingPages missing;
  private Uffd uffd;
  private ArrivingPages arriving;
  private PostcopyFill fill;
  private FaultLoop faultLoop;

  @BeforeEach
  void precopy() throws IOException {
    Guests.fillSome(source, random, 2);
    for (GuestRegion region : source.regions()) {
      byte[] all = source.read(region.base(), (int) region.sizeBytes());
      memory.write(region.base(), all);
    }
    missing = MissingPages.none(memory);
  }

  @AfterEach
  void close() throws Exception {
    if (fill != null) {
      fill.close();
      faultLoop.stop();
      hosts.disconnect();
      arriving.close();
      uffd.close();
    }
  }

  @Test
  void bringsThePagesThatWereDiscardedAndNoOthers() throws Exception {
    DirtyPages dirty = DirtyPages.of(source.regions(), Guests.dirty(source, random).iterator());
    discard(dirty);
    long kept = missing.presentDigest();

    begin(dirty);
    fill.finished().toCompletableFuture().get(30, TimeUnit.SECONDS);

    assertEquals(dirty.bytes(), arrivedPages.sum() * Guests.PAGE);
    assertEquals(dirty.bytes(), arrivedBytes.sum());
    assertEquals(MemoryDigest.of(source), MemoryDigest.of(memory));
    assertEquals(MemoryDigest.of(source), kept + arrivedDigest.sum());
  }

  @Test
  void aDiscardedPageThatIsZeroNowOverwritesWhatItWas() throws Exception {
    Gpa page = new Gpa(5 * Guests.PAGE);
    Guests.fill(memory, page, random);
    source.write(page, new byte[Guests.PAGE]);
    DirtyPages dirty = DirtyPages.of(source.regions(), one(page));
    discard(dirty);

    begin(dirty);
    fill.finished().toCompletableFuture().get(30, TimeUnit.SECONDS);

    assertEquals(0, arrivedBytes.sum());
    assertEquals(MemoryDigest.of(source), MemoryDigest.of(memory));
  }

  @Test
  void theGuestWaitsForADiscardedPageAndForNoOther() throws Exception {
    Gpa page = new Gpa(Guests.HIGH_BASE + 700 * Guests.PAGE);
    Guests.fill(source, page, random);
    DirtyPages dirty = DirtyPages.of(source.regions(), one(page));
    discard(dirty);

    Pair faults = hosts.connectFaults();
    watch();
    fill.addFaults(faults.destination());
    for (GuestRegion region : memory.regions()) {
      for (long at = 0; at < region.sizeBytes(); at += 64 * Guests.PAGE) {
        if (!page.equals(region.base().plus(at))) {
          memory.read(region.base().plus(at), 1);
        }
      }
    }
    CompletableFuture<byte[]> guest =
        CompletableFuture.supplyAsync(() -> memory.read(page, Guests.PAGE));
    ByteBuffer request = ByteBuffer.allocate(WireFormat.REQUEST_BYTES + WireFormat.RANGE_BYTES);
    faults.source().readFully(request);
    assertEquals(Command.PAGE_FAULT, Request.decode(request.flip()).command());
    assertEquals(page.value(), MemoryRange.decode(request).gpa());
    assertFalse(guest.isDone());
    push(dirty);

    assertEquals(
        ByteBuffer.wrap(source.read(page, Guests.PAGE)),
        ByteBuffer.wrap(guest.get(30, TimeUnit.SECONDS)));
  }

  @Test
  void refusesARangeThatIsNotWholePagesOfTheGuest() {
    assertRefused(new PageRun(0, 100));
    assertRefused(new PageRun(Guests.LOW_BYTES, Guests.PAGE));
    assertRefused(new PageRun(Guests.LOW_BYTES - Guests.PAGE, 2 * Guests.PAGE));
    assertTrue(missing.isEmpty());
  }

  private void assertRefused(PageRun run) {
    assertThrows(ProtocolException.class, () -> missing.add(table(List.of(run))));
  }

  private static Iterator<PageRun> one(Gpa page) {
    return List.of(new PageRun(page.value(), Guests.PAGE)).iterator();
  }

  private void discard(DirtyPages dirty) throws IOException {
    List<PageRun> runs = new ArrayList<>();
    dirty.runs().forEachRemaining(runs::add);
    missing.add(table(runs));
    assertEquals(memory.sizeBytes() - dirty.bytes(), missing.presentBytes());
  }

  private static MemoryRangeTable table(List<PageRun> runs) throws ProtocolException {
    ByteBuffer bytes = ByteBuffer.allocate(runs.size() * WireFormat.RANGE_BYTES);
    runs.forEach(run -> MemoryRangeTable.append(run.gpa(), run.lengthBytes(), bytes));
    return MemoryRangeTable.decode(bytes.flip());
  }

  private void begin(DirtyPages dirty) throws IOException {
    Pair faults = hosts.connectFaults();
    watch();
    fill.addFaults(faults.destination());
    PresentBitmap served = push(dirty);
    FaultServing serving =
        new FaultServing(faults.source(), source, served, ALL, new PushOrder(), bytes -> {});
    run(serving::run);
  }

  /** The source pushes what is dirty. */
  private PresentBitmap push(DirtyPages dirty) throws IOException {
    Pair push = hosts.connect();
    PresentBitmap served = FaultServing.servedPages(source, dirty);
    assertEquals(dirty.bytes(), served.missing() * Guests.PAGE);
    fill.addPush(push.destination());
    PushSending sending =
        new PushSending(
            push.source(),
            source,
            served,
            new PushOrder(),
            ALL,
            Throttle.unlimited(),
            Duration.ofSeconds(10),
            (memoryBytes, wireBytes) -> {});
    run(sending::run);
    return served;
  }

  private void watch() throws IOException {
    missing.unmap();
    uffd = Guests.watch(memory);
    arriving = new ArrivingPages(memory, uffd, missing.present(), new Counter());
    fill = new PostcopyFill(memory, arriving, ALL, Duration.ZERO, "test", FENCED);
    faultLoop = FaultLoop.start(uffd, memory, fill);
  }

  /** Something that runs on a thread of its own until it ends. */
  private interface Work {
    void run() throws IOException;
  }

  private static void run(Work work) {
    Thread thread =
        new Thread(
            () -> {
              try {
                work.run();
              } catch (IOException e) {
                throw new UncheckedIOException(e);
              }
            });
    thread.setDaemon(true);
    thread.start();
  }

  /** Adds up what arrives. */
  private final class Counter implements ArrivalListener {
    @Override
    public void arriving(Gpa first, ByteBuffer bytes) {
      arrivedDigest.add(MemoryDigest.ofPage(first.value(), bytes));
    }

    @Override
    public void arrived(long pages, long bytes) {
      arrivedPages.add(pages);
      arrivedBytes.add(bytes);
    }

    @Override
    public void faultServed(long nanos, boolean bySource) {}
  }
}
