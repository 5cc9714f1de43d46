package io.vmferry.kvm.uffd;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.kvm.event.Epoll;
import io.vmferry.kvm.memory.DirectBuffers;
import io.vmferry.kvm.memory.Mapping;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;

/** Touches of watched memory by other threads, and waiting for the faults they make. */
final class Fault {
  static final int WAIT_MILLIS = 20_000;

  private Fault() {}

  /** Reads one byte inside a native call, on a thread of its own. */
  static CompletableFuture<Byte> read(Mapping mapping, long offset) {
    CompletableFuture<Byte> result = new CompletableFuture<>();
    start(
        () -> {
          ByteBuffer one = DirectBuffers.allocate(1);
          mapping.copyOut(offset, one);
          result.complete(one.get(0));
        },
        result);
    return result;
  }

  /** Writes one byte inside a native call, on a thread of its own. */
  static CompletableFuture<Void> write(Mapping mapping, long offset, byte value) {
    CompletableFuture<Void> result = new CompletableFuture<>();
    start(
        () -> {
          mapping.fill(offset, 1, value);
          result.complete(null);
        },
        result);
    return result;
  }

  /** Waits until the descriptor is readable and leaves the event there. */
  static void awaitReadable(Uffd uffd) throws Exception {
    try (Epoll epoll = Epoll.create()) {
      epoll.add(uffd.fd(), Epoll.IN, 0);
      assertEquals(1, epoll.await(new Epoll.Events(1), WAIT_MILLIS), "no uffd event came");
    }
  }

  /** Waits for exactly one fault. */
  static FaultBatch awaitOne(Uffd uffd) throws Exception {
    FaultBatch batch = new FaultBatch(8);
    awaitReadable(uffd);
    assertTrue(uffd.read(batch) > 0, "the event was no page fault");
    assertEquals(1, batch.size());
    return batch;
  }

  static void start(Runnable body, CompletableFuture<?> failure) {
    Thread thread =
        new Thread(
            () -> {
              try {
                body.run();
              } catch (RuntimeException | Error e) {
                failure.completeExceptionally(e);
              }
            },
            "toucher");
    // A test that fails must not keep its process alive with a thread that waits for a page.
    thread.setDaemon(true);
    thread.start();
  }
}
