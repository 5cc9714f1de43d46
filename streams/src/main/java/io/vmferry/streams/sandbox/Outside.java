package io.vmferry.streams.sandbox;

import java.io.IOException;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.FutureTask;
import java.util.concurrent.LinkedBlockingQueue;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Does for fenced threads what they may not do: one thread, which is not fenced in and never ends.
 *
 * <p>Whatever may start a thread must be left to it. That is less rare than it looks: an actor that
 * is told something, a future that completes, a task for any executor can be what makes a pool
 * grow, and the pool's new thread belongs to whoever happened to call. A fenced thread that may
 * start threads would fence in a thread of everybody's dispatcher; one that may not would lose the
 * message.
 *
 * <p>Threads that are not fenced do it themselves, at once.
 */
public final class Outside {
  private static final Logger LOG = LoggerFactory.getLogger(Outside.class);
  private static final BlockingQueue<Runnable> TASKS = new LinkedBlockingQueue<>();
  private static final ExecutorService WAITING =
      Executors.newCachedThreadPool(task -> daemon(task, "sandbox-outside"));

  static {
    daemon(Outside::work, "sandbox-porter").start();
  }

  private Outside() {}

  /** Makes sure that the thread is there. */
  static void begin() {
    // Loading this class has started it.
  }

  /**
   * Does something that does not wait, maybe later, in the order in which it was left here.
   *
   * @param task must not block and not throw
   */
  public static void run(Runnable task) {
    if (isFenced()) {
      TASKS.add(task);
    } else {
      task.run();
    }
  }

  /**
   * Does something and waits for it.
   *
   * @param task may block
   * @throws IOException as it throws it
   */
  public static <T> T call(Callable<T> task) throws IOException {
    FutureTask<T> work = new FutureTask<>(task);
    if (isFenced()) {
      TASKS.add(() -> WAITING.execute(work));
    } else {
      work.run();
    }
    return Results.of(work);
  }

  private static boolean isFenced() {
    return Thread.currentThread() instanceof FencedThread;
  }

  private static void work() {
    while (true) {
      try {
        TASKS.take().run();
      } catch (InterruptedException e) {
        // Nobody interrupts this thread on purpose, and the others need it.
      } catch (RuntimeException | Error e) {
        LOG.error("What a fenced thread left here failed", e);
      }
    }
  }

  private static Thread daemon(Runnable work, String name) {
    Thread thread = new Thread(work, name);
    thread.setDaemon(true);
    return thread;
  }
}
