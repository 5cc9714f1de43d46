package io.vmferry.streams.sandbox;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.kvm.sandbox.SandboxRole;
import io.vmferry.kvm.sandbox.SeccompMode;
import java.io.EOFException;
import java.io.IOException;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Fenced threads of this JVM, and what they leave to others. */
@Timeout(60)
class SandboxIT {
  private static final Path STATUS = Path.of("/proc/thread-self/status");
  private static final String FILTERED = "Seccomp:\t2";

  private final Sandbox sandbox = Sandbox.of(SeccompMode.ERRNO);

  @Test
  void aThreadIsFencedInBeforeItsWorkBegins() throws Exception {
    CompletableFuture<String> status = new CompletableFuture<>();

    sandbox.thread(SandboxRole.HEARS_PEER, "t", () -> status.complete(status())).start();

    assertTrue(status.get(30, SECONDS).contains(FILTERED));
    assertTrue(!status().contains(FILTERED), "the one that started it is not");
  }

  @Test
  void whatStartsThreadsIsLeftToOneThatMay() throws Exception {
    ExecutorService pool = Executors.newCachedThreadPool();
    try {
      CompletableFuture<String> status = new CompletableFuture<>();

      sandbox
          .thread(
              SandboxRole.SERVES_PAGES,
              "t",
              () -> Outside.run(() -> pool.execute(() -> status.complete(status()))))
          .start();

      assertTrue(!status.get(30, SECONDS).contains(FILTERED), "the pool's thread is everybody's");
    } finally {
      pool.shutdownNow();
    }
  }

  @Test
  void aThreadThatAFencedOneStartsItselfIsNotStarted() throws Exception {
    CompletableFuture<Throwable> failure = new CompletableFuture<>();

    sandbox
        .thread(
            SandboxRole.SERVES_PAGES,
            "t",
            () -> {
              try {
                new Thread(() -> {}).start();
                failure.complete(new AssertionError("it was started"));
              } catch (OutOfMemoryError e) {
                failure.complete(e);
              }
            })
        .start();

    assertInstanceOf(OutOfMemoryError.class, failure.get(30, SECONDS));
  }

  @Test
  void whatIsLeftIsDoneInItsOrder() throws Exception {
    List<Integer> done = Collections.synchronizedList(new ArrayList<>());
    CompletableFuture<Void> end = new CompletableFuture<>();

    sandbox
        .thread(
            SandboxRole.HEARS_PEER,
            "t",
            () -> {
              for (int i = 0; i < 1000; i++) {
                int number = i;
                Outside.run(() -> done.add(number));
              }
              Outside.run(() -> end.complete(null));
            })
        .start();
    end.get(30, SECONDS);

    assertEquals(1000, done.size());
    for (int i = 0; i < 1000; i++) {
      assertEquals(i, done.get(i));
    }
  }

  @Test
  void oneThatWaitsForTheOutsideHoldsUpNobody() throws Exception {
    CompletableFuture<Void> first = new CompletableFuture<>();
    CompletableFuture<String> second = new CompletableFuture<>();

    Callable<Void> waiting = () -> first.get(30, SECONDS);
    sandbox.thread(SandboxRole.HEARS_PEER, "t", () -> outside(waiting)).start();
    sandbox
        .thread(SandboxRole.HEARS_PEER, "u", () -> second.complete(outside(SandboxIT::status)))
        .start();

    assertTrue(!second.get(30, SECONDS).contains(FILTERED));
    first.complete(null);
  }

  @Test
  void aWorkerComputesAndFailsAsTheCallerWould() throws Exception {
    try (FencedWorker worker = sandbox.worker(SandboxRole.HEARS_PEER, "w")) {
      EOFException end = new EOFException("end");

      assertTrue(worker.call(SandboxIT::status).contains(FILTERED));
      assertEquals(7, worker.call(() -> 7));
      assertSame(
          end,
          assertThrows(
              EOFException.class,
              () ->
                  worker.call(
                      () -> {
                        throw end;
                      })));
      assertThrows(IllegalStateException.class, () -> worker.call(SandboxIT::illegal));
    }
    assertNotEquals(
        Thread.currentThread(),
        sandbox.compute(SandboxRole.HEARS_PEER, "c", Thread::currentThread));
  }

  @Test
  void aRefusedCallIsCounted() {
    long before = Sandbox.refusals();

    IOException failure =
        assertThrows(
            IOException.class,
            () -> sandbox.compute(SandboxRole.HEARS_PEER, "c", SocketChannel::open));

    assertTrue(String.valueOf(failure.getMessage()).contains("not permitted"), failure::toString);
    assertEquals(before + 1, Sandbox.refusals());
  }

  @Test
  void withoutAFenceTheCallerDoesItItself() throws Exception {
    try (FencedWorker worker = Sandbox.OFF.worker(SandboxRole.HEARS_PEER, "w")) {
      assertSame(Thread.currentThread(), worker.call(Thread::currentThread));
    }
  }

  private static int illegal() {
    throw new IllegalStateException("illegal");
  }

  private static <T> T outside(Callable<T> task) {
    try {
      return Outside.call(task);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static String status() {
    try {
      return Files.readString(STATUS);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }
}
