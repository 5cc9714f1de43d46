package io.vmferry.kvm.socket;

import io.vmferry.kvm.OwnedFd;
import java.nio.channels.ClosedChannelException;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A socket that threads may be blocked on while another closes it: closing shuts the socket down,
 * which ends their calls, and the last one out closes the descriptor. So its number cannot come to
 * mean something else under a call that is still to run.
 */
final class SharedFd {
  private static final int CLOSED = 1 << 30;

  private final OwnedFd fd;
  // The number of calls inside, and the CLOSED bit.
  private final AtomicInteger state = new AtomicInteger();

  SharedFd(OwnedFd fd) {
    this.fd = fd;
  }

  /** Enters a call; {@link #leave} must follow. */
  int enter() throws ClosedChannelException {
    if ((state.getAndIncrement() & CLOSED) != 0) {
      leave();
      throw new ClosedChannelException();
    }
    return fd.raw();
  }

  void leave() {
    // Invariant: a late visitor that finds CLOSED also passes here, and close is idempotent.
    if (state.decrementAndGet() == CLOSED) {
      fd.close();
    }
  }

  boolean isOpen() {
    return (state.get() & CLOSED) == 0;
  }

  /** Closes it. True the first time. */
  boolean close() {
    int before = state.getAndUpdate(s -> (s & CLOSED) == 0 ? (s | CLOSED) + 1 : s);
    if ((before & CLOSED) != 0) {
      return false;
    }
    SocketCalls.shutdown(fd.raw(), SocketCalls.SHUT_RDWR);
    leave();
    return true;
  }
}
