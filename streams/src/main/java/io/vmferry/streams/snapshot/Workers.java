package io.vmferry.streams.snapshot;

import io.vmferry.kvm.sandbox.SandboxRole;
import io.vmferry.streams.sandbox.Sandbox;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.util.Collections;
import java.util.Iterator;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import org.jspecify.annotations.Nullable;

/** Work on other threads: one that does something, or some that share what hands itself out. */
public final class Workers {
  // The disk or the memory bus is the limit beyond.
  private static final int MOST = 4;

  private Workers() {}

  /**
   * Computes something on a thread of its own, which keeps no process alive.
   *
   * @param name of the thread
   */
  public static <T> Future<T> compute(String name, Callable<T> work) {
    FutureTask<T> task = new FutureTask<>(work);
    daemon(task, name).start();
    return task;
  }

  /** Does something in the same way, on a fenced thread. */
  public static Future<Boolean> start(Sandbox sandbox, SandboxRole role, String name, Share work) {
    FutureTask<Boolean> task =
        new FutureTask<>(
            () -> {
              try {
                work.run();
                return true;
              } catch (IOException e) {
                throw sandbox.noticed(e);
              }
            });
    sandbox.thread(role, name, task).start();
    return task;
  }

  /** Does something in the same way. */
  public static Future<Boolean> start(String name, Share work) {
    return compute(name, whole(work));
  }

  private static Callable<Boolean> whole(Share work) {
    return () -> {
      work.run();
      return true;
    };
  }

  /**
   * Waits for what other threads do.
   *
   * @param what is done, for whoever is interrupted
   * @throws IOException as they threw it, or with their exception as its cause
   */
  public static <T> T result(Future<T> work, String what) throws IOException {
    try {
      return work.get();
    } catch (ExecutionException e) {
      Throwable cause = e;
      while (isWrapper(cause) && cause.getCause() != null) {
        cause = cause.getCause();
      }
      throw cause instanceof IOException failure ? failure : new IOException(cause);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted in " + what);
    }
  }

  /** Waits until it has ended, however: whoever calls this knows the failure that matters. */
  public static void awaitEnd(Future<?> work) {
    try {
      Object unused = result(work, "a clean-up");
    } catch (IOException e) {
      // It was told to whoever waited for the result, or came of another failure.
    }
  }

  private static boolean isWrapper(Throwable cause) {
    return cause instanceof ExecutionException
        || cause instanceof CompletionException
        || cause instanceof UncheckedIOException;
  }

  /** What a thread runs; one of several must make the others end when it throws. */
  @FunctionalInterface
  public interface Share {
    /** Works. */
    void run() throws IOException;
  }

  /** As many threads as this machine has processors, within reason. */
  public static int count() {
    return Math.min(MOST, Runtime.getRuntime().availableProcessors());
  }

  /**
   * Runs a share on each of some threads and waits for all.
   *
   * @param name of the threads
   * @throws IOException the first failure of any
   */
  public static void run(int threads, String name, Share share) throws IOException {
    Callable<Boolean> work = whole(share);
    ExecutorService pool = Executors.newFixedThreadPool(threads, run -> daemon(run, name));
    try {
      for (Future<Boolean> worker : pool.invokeAll(Collections.nCopies(threads, work))) {
        Boolean unused = result(worker, name);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted in " + name);
    } finally {
      pool.shutdownNow();
    }
  }

  /** The next piece of work of an iterator that several shares have; null if there is none. */
  public static <T> @Nullable T next(Iterator<T> work) {
    synchronized (work) {
      return work.hasNext() ? work.next() : null;
    }
  }

  private static Thread daemon(Runnable work, String name) {
    Thread thread = new Thread(work, name);
    thread.setDaemon(true);
    return thread;
  }
}
