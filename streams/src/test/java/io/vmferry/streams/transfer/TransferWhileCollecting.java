package io.vmferry.streams.transfer;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.Hva;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.GuestRegion;
import io.vmferry.kvm.memory.Mapping;
import io.vmferry.kvm.memory.MemoryDigest;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.kvm.sandbox.SeccompMode;
import io.vmferry.kvm.testing.FatalThread;
import io.vmferry.kvm.uffd.FaultBatch;
import io.vmferry.kvm.uffd.Uffd;
import io.vmferry.streams.pages.GuestPages;
import io.vmferry.streams.pages.PageRun;
import io.vmferry.streams.pages.PresentBitmap;
import io.vmferry.streams.sandbox.Sandbox;
import io.vmferry.streams.wire.Extension;
import io.vmferry.streams.wire.Extensions;
import java.io.IOException;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.apache.pekko.actor.ActorSystem;
import org.apache.pekko.stream.KillSwitches;
import org.apache.pekko.stream.Materializer;

/**
 * The JVM of {@link TransferHazardIT}: moves a guest over a real connection while the source's
 * pages (and the destination's) are missing until a handler in this JVM puts them there, and the
 * collector runs all the time. Argument: {@code precopy}, {@code postcopy} or {@code push}. Prints
 * {@code alive} lines, then {@code done FAULTS COLLECTIONS}.
 */
final class TransferWhileCollecting {
  private static final Sandbox FENCED = Sandbox.of(SeccompMode.ERRNO);
  static final int PAGES = 8_000;
  private static final int PAGE = Guests.PAGE;
  private static final long BYTES = (long) PAGES * PAGE;

  private volatile boolean running = true;
  private volatile long faults;

  private TransferWhileCollecting() {}

  public static void main(String[] arguments) throws Exception {
    new TransferWhileCollecting().run(arguments[0]);
  }

  private void run(String way) throws Exception {
    long before = collections();
    try (GuestMemory source = GuestMemory.allocate(BYTES, PageSize.KIB_4);
        GuestMemory destination = GuestMemory.allocate(BYTES, PageSize.KIB_4);
        Uffd sourceFaults = Guests.watch(source);
        Uffd destinationFaults = Guests.watch(destination);
        Pair pair = Pair.fault()) {
      FatalThread.start("source-handler", () -> putPages(sourceFaults));
      FatalThread.start("collector", this::collect);
      FatalThread.start("alive", this::showLife);
      switch (way) {
        case "precopy" -> {
          // The destination's pages are missing too: the reads of the socket fault.
          FatalThread.start("destination-handler", () -> putPages(destinationFaults));
          precopy(source, destination, pair);
        }
        case "postcopy" -> postcopy(source, destination, destinationFaults, pair);
        case "push" -> push(source, destination, destinationFaults, pair);
        default -> throw new IllegalArgumentException(way);
      }
      long seen = collections() - before;
      running = false;
      // Everything is present now, so that Java code may look at it.
      if (MemoryDigest.of(source) != MemoryDigest.of(destination)) {
        throw new IllegalStateException("the memories differ");
      }
      System.out.println("done " + faults + " " + seen);
      // Skips the closing: handlers may still be in a system call on a descriptor.
      Runtime.getRuntime().halt(0);
    } catch (Throwable e) {
      FatalThread.fail("main", e);
    }
  }

  private static void precopy(GuestMemory source, GuestMemory destination, Pair pair)
      throws Exception {
    ActorSystem system = ActorSystem.create("hazard");
    Materializer materializer = Materializer.createMaterializer(system);
    CompletionStage<ReceivedMemory> received =
        new MemoryReceiver(destination, Extensions.NONE, bytes -> {})
            .receiveAll(pair.destination(), materializer);
    RoundResult sent =
        new PrecopySender(materializer)
            .sendRound(
                PrecopyRound.plain(List.of(new PageRun(0, BYTES)).iterator()),
                source,
                List.of(pair.source()),
                Throttle.unlimited(),
                KillSwitches.shared("round"),
                (guest, wire) -> {})
            .toCompletableFuture()
            .get(120, TimeUnit.SECONDS);
    pair.source().close();
    long bytes = received.toCompletableFuture().get(120, TimeUnit.SECONDS).bytes();
    if (bytes != BYTES || sent.bytes() != BYTES) {
      throw new IllegalStateException("sent " + sent + ", received " + bytes);
    }
  }

  private void postcopy(GuestMemory source, GuestMemory destination, Uffd uffd, Pair pair)
      throws Exception {
    ArrivingPages arriving =
        new ArrivingPages(
            destination,
            uffd,
            new PresentBitmap(GuestPages.of(destination).count()),
            ArrivalListener.NONE);
    FaultConnection connection = new FaultConnection(pair.destination(), arriving, Extensions.NONE);
    FaultServing serving =
        new FaultServing(pair.source(), source, FaultServing.servedPages(source));
    FatalThread.start("serving", serving::run);
    FatalThread.start(
        "demands", () -> demand(uffd, destination.regions().get(0), arriving, connection));
    CompletionStage<Void> finished = connection.start(Sandbox.OFF, "receiving", false);
    GuestRegion region = destination.regions().get(0);
    // A guest that touches half of the pages by itself, backwards; the rest comes unasked.
    for (long page = PAGES - 1; page >= PAGES / 2; page--) {
      byte[] bytes = destination.read(region.base().plus(page * PAGE), 8);
      if (bytes[0] != (byte) 0x5a) {
        throw new IllegalStateException("page " + page + " is wrong");
      }
    }
    connection.fillInBackground(true);
    finished.toCompletableFuture().get(120, TimeUnit.SECONDS);
  }

  /** The same with both halves at once: pages are pushed while the guest touches others. */
  private void push(GuestMemory source, GuestMemory destination, Uffd uffd, Pair pair)
      throws Exception {
    Extensions agreed = Extensions.of(Extension.PUSH);
    ArrivingPages arriving =
        new ArrivingPages(
            destination,
            uffd,
            new PresentBitmap(GuestPages.of(destination).count()),
            new Looking());
    PostcopyFill fill =
        new PostcopyFill(destination, arriving, agreed, Duration.ZERO, "test", FENCED);
    PresentBitmap served = FaultServing.servedPages(source);
    PushOrder order = new PushOrder();
    fill.addFaults(pair.destination());
    FatalThread.start(
        "serving",
        new FaultServing(pair.source(), source, served, agreed, order, bytes -> {})::run);
    GuestRegion region = destination.regions().get(0);
    FatalThread.start("demands", () -> readFaults(uffd, region, fill::onFault));
    try (Pair pushed = Pair.tcp()) {
      fill.addPush(pushed.destination());
      FatalThread.start(
          "pushing",
          new PushSending(
                  pushed.source(),
                  source,
                  served,
                  order,
                  agreed,
                  // Slow enough that the guest meets missing pages all the time.
                  new Throttle(BYTES / 4),
                  Duration.ofSeconds(10),
                  (memoryBytes, wireBytes) -> {})
              ::run);
      for (long page = PAGES - 1; page >= 0; page--) {
        byte[] bytes = destination.read(region.base().plus(page * PAGE), 8);
        if (bytes[0] != (byte) 0x5a) {
          throw new IllegalStateException("page " + page + " is wrong");
        }
      }
      fill.finished().toCompletableFuture().get(120, TimeUnit.SECONDS);
    }
  }

  /** Reads what arrives from Java code, as a digest does. */
  private static final class Looking implements ArrivalListener {
    @Override
    public void arriving(Gpa first, ByteBuffer bytes) {
      if (bytes.get(bytes.limit() - 1) != (byte) 0x5a) {
        throw new IllegalStateException("page at " + first + " is wrong");
      }
    }

    @Override
    public void arrived(long pages, long bytes) {}

    @Override
    public void faultServed(long nanos, boolean bySource) {}
  }

  private void demand(
      Uffd uffd, GuestRegion region, ArrivingPages arriving, FaultConnection connection)
      throws IOException {
    readFaults(
        uffd,
        region,
        (address, nanos) -> {
          if (!arriving.fault(address, nanos)) {
            connection.demand(address);
          }
        });
  }

  /** What is done about a fault. */
  private interface OnFault {
    void accept(Gpa address, long sinceNanos) throws IOException;
  }

  private void readFaults(Uffd uffd, GuestRegion region, OnFault onFault) throws IOException {
    FaultBatch batch = new FaultBatch(16);
    while (running) {
      if (uffd.read(batch) == 0) {
        LockSupport.parkNanos(20_000);
      }
      for (int i = 0; i < batch.size(); i++) {
        onFault.accept(region.gpaOf(new Hva(batch.address(i))), System.nanoTime());
      }
    }
  }

  /** Puts a page wherever one is missed. */
  private void putPages(Uffd uffd) throws IOException {
    try (Mapping page = Mapping.anonymous(PAGE)) {
      page.fill(0, PAGE, (byte) 0x5a);
      FaultBatch batch = new FaultBatch(16);
      while (running) {
        if (uffd.read(batch) == 0) {
          LockSupport.parkNanos(20_000);
        }
        for (int i = 0; i < batch.size(); i++) {
          uffd.copy(new Hva(batch.address(i)), page.address(), PAGE, true);
        }
        count(batch.size());
      }
    }
  }

  private synchronized void count(long more) {
    faults += more;
  }

  private void collect() {
    while (running) {
      System.gc();
      // Lets some faults start between two collections.
      LockSupport.parkNanos(1_000_000);
    }
  }

  private void showLife() {
    while (running) {
      System.out.println("alive " + faults);
      LockSupport.parkNanos(100_000_000);
    }
  }

  private static long collections() {
    return ManagementFactory.getGarbageCollectorMXBeans().stream()
        .mapToLong(GarbageCollectorMXBean::getCollectionCount)
        .sum();
  }
}
