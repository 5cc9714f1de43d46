package io.vmferry.actors.postcopy;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.Hva;
import io.vmferry.kvm.ThreadPriority;
import io.vmferry.kvm.event.Epoll;
import io.vmferry.kvm.event.EventFd;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.GuestRegion;
import io.vmferry.kvm.sandbox.SandboxRole;
import io.vmferry.kvm.uffd.FaultBatch;
import io.vmferry.kvm.uffd.Uffd;
import io.vmferry.streams.sandbox.Sandbox;
import java.io.IOException;
import java.util.function.Consumer;

/**
 * The thread that reads page faults and asks for the pages at once.
 *
 * <p>It never touches guest memory itself: a Java access to a missing page would stop the JVM at
 * the next safepoint, and with it the thread that could bring the page.
 */
final class FaultReader implements AutoCloseable {
  // More than the vCPUs and workers that can wait at once here; the rest comes with the next read.
  private static final int BATCH = 64;
  private static final long FAULTS = 1;
  private static final long STOP = 2;

  /** Gives the guest the page of an address, or asks for it. */
  interface FaultHandler {
    void onFault(Gpa address, long sinceNanos) throws IOException;
  }

  private final Uffd uffd;
  private final GuestMemory memory;
  private final FaultHandler onFault;
  private final Consumer<Exception> onFailure;
  private final EventFd stop;
  private final Sandbox sandbox;
  private final Thread thread;

  /**
   * @param sandbox fences the thread in
   * @param onFault called on this thread
   * @param onFailure hears why the thread ended early; on this thread
   */
  FaultReader(
      Uffd uffd,
      GuestMemory memory,
      Sandbox sandbox,
      String name,
      FaultHandler onFault,
      Consumer<Exception> onFailure)
      throws IOException {
    this.uffd = uffd;
    this.memory = memory;
    this.onFault = onFault;
    this.onFailure = onFailure;
    this.stop = EventFd.create();
    this.sandbox = sandbox;
    this.thread = sandbox.thread(SandboxRole.BRINGS_PAGES, name, this::run);
  }

  void start() {
    thread.start();
  }

  private void run() {
    boolean unused = ThreadPriority.raise();
    try (Epoll epoll = Epoll.create()) {
      epoll.add(uffd.fd(), Epoll.IN, FAULTS);
      epoll.add(stop.fd(), Epoll.IN, STOP);
      Epoll.Events events = new Epoll.Events(2);
      FaultBatch batch = new FaultBatch(BATCH);
      while (true) {
        epoll.await(events, -1);
        for (int i = 0; i < events.size(); i++) {
          if (events.data(i) == STOP) {
            return;
          }
        }
        while (uffd.read(batch) > 0) {
          long now = System.nanoTime();
          for (int i = 0; i < batch.size(); i++) {
            onFault.onFault(gpaOf(batch.address(i)), now);
          }
        }
      }
    } catch (IOException | RuntimeException e) {
      onFailure.accept(sandbox.noticed(e));
    }
  }

  private Gpa gpaOf(long address) {
    for (GuestRegion region : memory.regions()) {
      if (region.contains(region.gpaOf(new Hva(address)), 1)) {
        return region.gpaOf(new Hva(address));
      }
    }
    throw new IllegalStateException(
        "page fault at 0x" + Long.toHexString(address) + ", outside every region");
  }

  /** Ends the thread and waits for it; not to be called on the thread itself. */
  @Override
  public void close() throws IOException {
    stop.signal();
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    stop.close();
  }
}
