package io.vmferry.streams.sandbox;

import io.vmferry.kvm.sandbox.SandboxRole;
import io.vmferry.kvm.sandbox.SeccompMode;
import java.io.IOException;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.FutureTask;
import java.util.concurrent.LinkedBlockingQueue;
import org.jspecify.annotations.Nullable;

/**
 * A fenced thread that does one thing after the other for a caller that waits: for a stage of a
 * stream, whose own thread must be free to wake other stages. Without a fence the caller does it
 * itself.
 *
 * <p>For one calling thread at a time.
 */
public final class FencedWorker implements AutoCloseable {
  private final Sandbox sandbox;
  private final SandboxRole role;
  private final String name;
  private final BlockingQueue<Runnable> tasks = new LinkedBlockingQueue<>();
  private @Nullable Thread thread;
  private volatile boolean closed;

  FencedWorker(Sandbox sandbox, SandboxRole role, String name) {
    this.sandbox = sandbox;
    this.role = role;
    this.name = name;
  }

  /**
   * Does something on the fenced thread and waits for it.
   *
   * @throws IOException as it throws it
   */
  public <T> T call(Callable<T> task) throws IOException {
    FutureTask<T> work = new FutureTask<>(task);
    if (sandbox.mode() == SeccompMode.OFF) {
      work.run();
    } else {
      start();
      tasks.add(work);
    }
    return sandbox.result(work);
  }

  private void start() {
    if (thread == null) {
      thread = sandbox.thread(role, name, this::work);
      thread.start();
    }
  }

  private void work() {
    while (!closed) {
      try {
        tasks.take().run();
      } catch (InterruptedException e) {
        return; // nobody else has this thread
      }
    }
  }

  /** Ends the thread once it has done what it was given. */
  @Override
  public void close() {
    closed = true;
    tasks.add(() -> {});
  }
}
