package io.vmferry.streams.snapshot;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.Collections;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Threads that share one piece of work, which hands itself out to them. */
public final class Workers {
  // The disk or the memory bus is the limit beyond.
  private static final int MOST = 4;

  private Workers() {}

  /** What each thread runs until nothing is left; it must make the others end when it throws. */
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
    Callable<Boolean> work =
        () -> {
          share.run();
          return true;
        };
    ExecutorService pool = Executors.newFixedThreadPool(threads, run -> daemon(run, name));
    try {
      for (Future<Boolean> worker : pool.invokeAll(Collections.nCopies(threads, work))) {
        worker.get();
      }
    } catch (ExecutionException e) {
      throw e.getCause() instanceof IOException failure ? failure : new IOException(e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted in " + name);
    } finally {
      pool.shutdownNow();
    }
  }

  private static Thread daemon(Runnable work, String name) {
    Thread thread = new Thread(work, name);
    thread.setDaemon(true);
    return thread;
  }
}
