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

/**
 * A proxy between the source and the destination of one migration that reads the frames of every
 * connection in both directions, and breaks one of them.
 *
 * <p>The first connection is the main one; every other says its role. The trap springs once. What
 * happens to connections that are made afterwards is nothing.
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
  private final Trap trap;
  private final Controller controller;
  private final Door door;
  private final Map<MessageKind, AtomicInteger> seen = new ConcurrentHashMap<>();
  private final List<Link> links = new CopyOnWriteArrayList<>();
  private final List<Thread> threads = new CopyOnWriteArrayList<>();
  private final CountDownLatch sprung = new CountDownLatch(1);
  private final CountDownLatch released = new CountDownLatch(1);
  private final Object passing = new Object();
  private volatile long sprungNanos;
  private volatile boolean closed;

  /**
   * Listens at once.
   *
   * @param targetUrl of the destination
   */
  FaultProxy(String targetUrl, Trap trap, Controller controller) throws IOException {
    this.target = MigrationUrl.parse(targetUrl);
    this.trap = trap;
    this.controller = controller;
    this.door = Door.like(target);
    spawn("proxy-accept", this::acceptAll);
  }

  /** What the source is to dial. */
  String url() {
    return door.url();
  }

  /** Whether the fault has struck. */
  boolean hasSprung() {
    return sprung.getCount() == 0;
  }

  /** Waits for the fault; false if it did not come in time. */
  boolean awaitSprung(long seconds) throws InterruptedException {
    return sprung.await(seconds, TimeUnit.SECONDS);
  }

  /** When the fault struck, on the clock of {@link System#nanoTime}. */
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

  Trap trap() {
    return trap;
  }

  /** Counts a message; true if the trap springs at it. */
  boolean springs(MessageKind kind) {
    int nth = seen.computeIfAbsent(kind, k -> new AtomicInteger()).incrementAndGet();
    if (nth != trap.nth() || !kind.equals(trap.kind())) {
      return false;
    }
    sprungNanos = System.nanoTime();
    sprung.countDown();
    return true;
  }

  /** A message has been written to its receiver. */
  void passed() {
    synchronized (passing) {
      passing.notifyAll();
    }
  }

  /** Waits as the fault wants; false if the connection is broken afterwards. */
  void wait(Fault fault) throws IOException, InterruptedException {
    switch (fault) {
      case STALL -> released.await();
      case DELAY -> released.await(DELAY_MILLIS, TimeUnit.MILLISECONDS);
      case REORDER -> awaitOther();
      default -> controller.strike(fault);
    }
  }

  private void awaitOther() throws InterruptedException {
    MessageKind until = trap.until();
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
