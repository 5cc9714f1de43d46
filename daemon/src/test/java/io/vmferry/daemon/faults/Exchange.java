package io.vmferry.daemon.faults;

import io.vmferry.streams.wire.Command;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.jspecify.annotations.Nullable;

/** The requests of one connection that wait for their answers, in order. Thread-safe. */
final class Exchange {
  private final Queue<Command> open = new ConcurrentLinkedQueue<>();
  private volatile @Nullable Command last;

  void asked(Command command) {
    last = command;
    open.add(command);
  }

  /** What the next answer is for; null if nothing was asked. */
  @Nullable Command answered() {
    Command next = open.poll();
    // A request that the proxy sent twice is answered twice.
    return next == null ? last : next;
  }
}
