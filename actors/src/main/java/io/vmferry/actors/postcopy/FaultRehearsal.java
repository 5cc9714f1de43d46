package io.vmferry.actors.postcopy;

import io.vmferry.kvm.memory.DirectBuffers;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.Mapping;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.kvm.sandbox.SandboxRole;
import io.vmferry.streams.pages.PresentBitmap;
import io.vmferry.streams.sandbox.Sandbox;
import io.vmferry.streams.transfer.ArrivingPages;
import io.vmferry.streams.transfer.FaultServing;
import io.vmferry.streams.transfer.MissingPages;
import io.vmferry.streams.transfer.PostcopyFill;
import io.vmferry.streams.transfer.PushOrder;
import io.vmferry.streams.transport.Connection;
import io.vmferry.streams.transport.Connector;
import io.vmferry.streams.transport.Listener;
import io.vmferry.streams.transport.MigrationUrl;
import io.vmferry.streams.wire.Extension;
import io.vmferry.streams.wire.Extensions;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Page faults on memory of no guest, served within this process as a migration's are, until the
 * code on their way is compiled. The faults of the first guest would take several times as long
 * otherwise: a postcopy migration ends before a JVM has compiled what it consists of.
 */
public final class FaultRehearsal {
  private static final long MEMORY_BYTES = 16L << 20;
  private static final Duration TIMEOUT = Duration.ofSeconds(5);
  // Prime to the number of pages: each once, in no order that anybody foresees.
  private static final long STRIDE = 1543;

  private final GuestMemory source;
  private final Sandbox sandbox;

  private FaultRehearsal(GuestMemory source, Sandbox sandbox) {
    this.source = source;
    this.sandbox = sandbox;
  }

  /**
   * Has a number of page faults served, one after the other.
   *
   * @param atLeast faults
   * @param sandbox fences in the threads, as in a migration
   * @param blocking one thread of it is taken
   * @return how many there were; fails if this host has no userfaultfd or too little memory
   */
  public static CompletionStage<Long> start(long atLeast, Sandbox sandbox, Executor blocking) {
    return CompletableFuture.supplyAsync(
        () -> {
          try {
            return run(atLeast, sandbox);
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        },
        blocking);
  }

  private static long run(long atLeast, Sandbox sandbox) throws IOException {
    try (GuestMemory source = GuestMemory.allocate(MEMORY_BYTES, PageSize.KIB_4);
        Listener listener = Listener.bind(new MigrationUrl.Tcp("127.0.0.1", 0))) {
      FaultRehearsal rehearsal = new FaultRehearsal(source, sandbox);
      long faults = 0;
      while (faults < atLeast) {
        faults += rehearsal.touchAll(listener);
      }
      return faults;
    }
  }

  private long touchAll(Listener listener) throws IOException {
    Extensions agreed = Extensions.of(Extension.PUSH, Extension.NAMED_ANSWERS);
    try (Connection asking = Connector.connect(listener.url(), TIMEOUT)) {
      Connection serving = listener.accept();
      Thread server =
          sandbox.thread(
              SandboxRole.SERVES_PAGES, "rehearsal-server", () -> serve(serving, agreed));
      server.start();
      try (GuestMemory guest = GuestMemory.allocate(MEMORY_BYTES, PageSize.KIB_4);
          io.vmferry.kvm.uffd.Uffd uffd = Uffd.watch(guest)) {
        return touchAll(guest, uffd, asking, agreed);
      } finally {
        serving.close();
        join(server);
      }
    }
  }

  /** Nobody tells it that every page has come: the end of the connection is the end. */
  private void serve(Connection connection, Extensions agreed) {
    PresentBitmap served = FaultServing.servedPages(source);
    try {
      new FaultServing(connection, source, served, agreed, new PushOrder(), bytes -> {}).run();
    } catch (IOException e) {
      sandbox.noticed(e);
    }
  }

  private static void join(Thread thread) throws IOException {
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted in a rehearsal", e);
    }
  }

  private long touchAll(
      GuestMemory guest, io.vmferry.kvm.uffd.Uffd uffd, Connection asking, Extensions agreed)
      throws IOException {
    long pageBytes = PageSize.KIB_4.bytes();
    Arrivals arrivals = new Arrivals(new FillProgress(new AtomicLong()), pageBytes, false);
    MissingPages missing = MissingPages.all(guest);
    AtomicReference<@Nullable Throwable> broken = new AtomicReference<>();
    try (ArrivingPages arriving = new ArrivingPages(guest, uffd, missing.present(), arrivals);
        PostcopyFill fill =
            new PostcopyFill(guest, arriving, agreed, TIMEOUT, "rehearsal", sandbox);
        FaultReader reader =
            new FaultReader(
                uffd,
                guest,
                sandbox,
                "rehearsal-uffd",
                fill::onFault,
                failure -> breakOff(uffd, failure, broken))) {
      fill.finished().whenComplete((done, failure) -> breakOff(uffd, failure, broken));
      fill.addFaults(asking);
      reader.start();
      Mapping mapping = guest.regions().get(0).mapping();
      ByteBuffer one = DirectBuffers.allocate(1);
      long pages = MEMORY_BYTES / pageBytes;
      for (long i = 0; i < pages; i++) {
        // Inside a native call: a thread that waits in Java code would hold up every safepoint.
        mapping.copyOut(i * STRIDE % pages * pageBytes, one.clear());
      }
      Throwable failure = broken.get();
      if (failure != null) {
        throw new IOException("a page did not come", failure);
      }
      return pages;
    }
  }

  /** Lets go who waits for a page that does not come. */
  private static void breakOff(
      io.vmferry.kvm.uffd.Uffd uffd,
      @Nullable Throwable failure,
      AtomicReference<@Nullable Throwable> broken) {
    broken.set(failure);
    uffd.close();
  }
}
