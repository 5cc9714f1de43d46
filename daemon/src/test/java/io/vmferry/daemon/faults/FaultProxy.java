package io.vmferry.daemon.faults;

import io.vmferry.streams.transport.MigrationUrl;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * A proxy between the source and the destination of one migration that reads the frames of every
 * connection in both directions, and breaks one of them, or one after the other.
 *
 * <p>The first connection is the main one; every other says its role. Each trap springs once, when
 * those before it have.
 */
final class FaultProxy implements AutoCloseable {
  /** Breaks a process; called on the thread that forwards, with the message at hand. */
  @FunctionalInterface
  interface Controller {
    void strike(Fault fault) throws IOException, InterruptedException;
  }

  // A reordering that the protocol does not allow becomes a delay of this length.
  private static final long REORDER_MILLIS = 1000;
  private static final long DELAY_MILLIS = 300;

  private final MigrationUrl target;
  private final List<Trap> traps;
  private final AtomicInteger armed = new AtomicInteger();
  private final Controller controller;
  private final Door door;
  private final Map<MessageKind, AtomicInteger> seen = new ConcurrentHashMap<>();
  private final List<Link> links = new CopyOnWriteArrayList<>();
  private final List<Thread> threads = new CopyOnWriteArrayList<>();
  private final CountDownLatch sprung;
  private final CountDownLatch released = new CountDownLatch(1);
  private final Object passing = new Object();
  private volatile long sprungNanos;
  private volatile boolean closed;

  /**
   * Listens at once.
   *
   * @param targetUrl of the destination
   * @param traps in the order in which they are to spring
   */
  FaultProxy(String targetUrl, List<Trap> traps, Controller controller) throws IOException {
    this.target = MigrationUrl.parse(targetUrl);
    this.traps = List.copyOf(traps);
    this.sprung = new CountDownLatch(traps.size());
    this.controller = controller;
    this.door = Door.like(target);
    spawn("proxy-accept", this::acceptAll);
  }

  /** What the source is to dial. */
  String url() {
    return door.url();
  }

  /** Whether every fault has struck. */
  boolean hasSprung() {
    return sprung.getCount() == 0;
  }

  /** Waits for all faults; false if it did not come in time. */
  boolean awaitSprung(long seconds) throws InterruptedException {
    return sprung.await(seconds, TimeUnit.SECONDS);
  }

  /** When the last fault struck, on the clock of {@link System#nanoTime}. */
  long sprungNanos() {
    return sprungNanos;
  }

  /** Lets what stalls go on. */
  void release() {
    released.countDown();
  }

  /** Messages of each kind that have come so far. */
  Map<MessageKind, AtomicInteger> seen() {
    return seen;
  }

  @Override
  public void close() throws IOException {
    closed = true;
    released.countDown();
    door.close();
    cutAll();
    try {
      for (Thread thread : threads) {
        thread.join();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Counts a message; the trap that springs at it, if one does. */
  @Nullable Trap springs(MessageKind kind) {
    int nth = seen.computeIfAbsent(kind, k -> new AtomicInteger()).incrementAndGet();
    int next = armed.get();
    if (next == traps.size()) {
      return null;
    }
    Trap trap = traps.get(next);
    if (nth != trap.nth() || !kind.equals(trap.kind()) || !armed.compareAndSet(next, next + 1)) {
      return null;
    }
    sprungNanos = System.nanoTime();
    sprung.countDown();
    return trap;
  }

  /** A message has been written to its receiver. */
  void passed() {
    synchronized (passing) {
      passing.notifyAll();
    }
  }

  /** Waits as the fault wants. */
  void wait(Trap trap) throws IOException, InterruptedException {
    switch (trap.fault()) {
      case STALL -> released.await();
      case DELAY -> released.await(DELAY_MILLIS, TimeUnit.MILLISECONDS);
      case REORDER -> awaitOther(trap.until());
      default -> controller.strike(trap.fault());
    }
  }

  private void awaitOther(@Nullable MessageKind until) throws InterruptedException {
    long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(REORDER_MILLIS);
    int before = until == null ? 0 : count(until);
    synchronized (passing) {
      while (until != null && count(until) == before && !closed) {
        long left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
        if (left <= 0) {
          return;
        }
        passing.wait(left);
      }
    }
  }

  private int count(MessageKind kind) {
    AtomicInteger count = seen.get(kind);
    return count == null ? 0 : count.get();
  }

  void cutAll() throws IOException {
    for (Link link : links) {
      link.close();
    }
  }

  private void acceptAll() throws IOException {
    boolean main = true;
    while (!closed) {
      Endpoint source = door.accept();
      Endpoint destination;
      try {
        destination = Endpoint.connect(target);
      } catch (IOException e) {
        // As if the destination had not answered: the source sees the end.
        source.close();
        continue;
      }
      Link link = new Link(this, source, destination, main);
      main = false;
      links.add(link);
      if (closed) {
        link.close();
      }
      spawn("proxy-forth", link::forth);
    }
  }

  void spawn(String name, Step step) {
    Thread thread =
        new Thread(
            () -> {
              try {
                step.run();
              } catch (IOException e) {
                // A closed connection: how every link ends.
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            },
            name);
    thread.setDaemon(true);
    threads.add(thread);
    thread.start();
  }

  /** What a thread of the proxy does. */
  @FunctionalInterface
  interface Step {
    void run() throws IOException, InterruptedException;
  }
}
