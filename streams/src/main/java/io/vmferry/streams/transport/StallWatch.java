package io.vmferry.streams.transport;

import io.vmferry.streams.sandbox.Outside;
import java.util.Iterator;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The thread that ends reads and writes which wait too long.
 *
 * <p>A blocking SocketChannel has no read timeout, and polling before each read would double the
 * system calls. Instead a connection counts its calls in {@link ChannelIo} (odd while one is under
 * way: two plain stores a call), and this one daemon thread looks at the counters now and then: a
 * counter that stays at one odd value for the timeout is a stall. It looks eight times within the
 * shortest timeout of all watched connections, and never more often than every 10 ms; it sleeps
 * while no connection has a timeout.
 */
final class StallWatch {
  private static final StallWatch SHARED = new StallWatch();
  private static final long SHORTEST_PERIOD_NANOS = TimeUnit.MILLISECONDS.toNanos(10);
  private static final int LOOKS_PER_TIMEOUT = 8;

  private final Set<ChannelIo<?>> watched = ConcurrentHashMap.newKeySet();
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private boolean started; // guarded by lock
  private boolean stale; // guarded by lock: a timeout has changed since the last look

  private StallWatch() {}

  static StallWatch shared() {
    return SHARED;
  }

  /** Begins to watch a connection, or looks anew at its timeouts. */
  void watch(ChannelIo<?> io) {
    lock.lock();
    try {
      watched.add(io);
      if (!started) {
        Thread thread = new Thread(this::run, "vmferry-stall-watch");
        thread.setDaemon(true);
        Outside.run(thread::start);
        started = true;
      }
      stale = true;
      changed.signal();
    } finally {
      lock.unlock();
    }
  }

  void forget(ChannelIo<?> io) {
    watched.remove(io);
  }

  /** How many connections are watched: tests look for leaks. */
  int watchedConnections() {
    return watched.size();
  }

  private void run() {
    long shortest = Long.MAX_VALUE;
    while (true) {
      sleep(shortest);
      shortest = look(System.nanoTime());
    }
  }

  /** Returns when it is time to look again: after a part of the shortest timeout, or a change. */
  private void sleep(long shortest) {
    long left =
        shortest == Long.MAX_VALUE
            ? Long.MAX_VALUE
            : Math.max(SHORTEST_PERIOD_NANOS, shortest / LOOKS_PER_TIMEOUT);
    lock.lock();
    try {
      while (!stale && left > 0) {
        left = changed.awaitNanos(left);
      }
      stale = false;
    } catch (InterruptedException e) {
      // Nobody interrupts this thread on purpose, and it must go on for the other connections.
    } finally {
      lock.unlock();
    }
  }

  /**
   * Ends what has stalled. Returns the shortest timeout of the rest, MAX_VALUE if there is none.
   */
  private long look(long now) {
    long shortest = Long.MAX_VALUE;
    for (Iterator<ChannelIo<?>> all = watched.iterator(); all.hasNext(); ) {
      ChannelIo<?> io = all.next();
      if (io.endIfStalled(now)) {
        all.remove();
      } else {
        shortest = Math.min(shortest, io.shortestTimeoutNanos());
      }
    }
    return shortest;
  }
}
