package io.vmferry.streams.testing;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Runs many cases of bad input, each with a seed of its own, and holds each to the same: it is
 * taken or refused with an exception that says so, within its time, and without much memory.
 *
 * <p>System properties: {@code vmferry.fuzz.seed} of the first case, printed where it is not given;
 * {@code vmferry.fuzz.cases}, how many in place of the test's own number. A case that fails says
 * with which of these it comes again.
 */
public final class Fuzz {
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  // Pools grow a little; what is left by each case is more.
  private static final int SPARE = 50;
  private static final Duration MOST_TO_CLOSE = Duration.ofSeconds(70);

  private final String name;
  private final long seed;
  private final int cases;
  private final List<Class<? extends Throwable>> refusals = new ArrayList<>();
  private Duration most = Duration.ofSeconds(10);
  private long mostBytes = 32 << 20;

  private Fuzz(String name, long seed, int cases) {
    this.name = name;
    this.seed = seed;
    this.cases = cases;
  }

  /**
   * Cases of a test.
   *
   * @param cases how many unless the property says otherwise
   */
  public static Fuzz of(Class<?> test, int cases) {
    Fuzz fuzz =
        new Fuzz(
            test.getSimpleName(),
            Long.getLong("vmferry.fuzz.seed", System.nanoTime()),
            Integer.getInteger("vmferry.fuzz.cases", cases));
    System.out.println(fuzz.name + " seed " + fuzz.seed + ", " + fuzz.cases + " cases");
    return fuzz;
  }

  /** An exception that says that the input is bad. */
  public Fuzz refusedWith(Class<? extends Throwable> type) {
    refusals.add(type);
    return this;
  }

  /** How long one case may take; 10 s unless it is said. */
  public Fuzz within(Duration time) {
    most = time;
    return this;
  }

  /** How many bytes the thread of a case may allocate on the heap; 32 MiB unless it is said. */
  public Fuzz allocating(long bytes) {
    mostBytes = bytes;
    return this;
  }

  /** One case. */
  public interface Case {
    /** Feeds bad input; what it throws is looked at. */
    void run(Random random) throws Exception;
  }

  /**
   * Runs them all, on one thread, which is another than this. Afterwards there may not be many more
   * descriptors and threads than before.
   */
  public void run(Case one) throws InterruptedException, IOException {
    long descriptors = descriptors();
    int threads = Thread.activeCount();
    ExecutorService worker =
        Executors.newSingleThreadExecutor(
            work -> {
              Thread thread = new Thread(work, "fuzz-" + name);
              thread.setDaemon(true);
              return thread;
            });
    try {
      for (int i = 0; i < cases; i++) {
        run(worker, seed + i, one);
      }
    } finally {
      worker.shutdownNow();
    }
    long deadline = System.nanoTime() + MOST_TO_CLOSE.toNanos();
    while (descriptors() > descriptors + SPARE || Thread.activeCount() > threads + SPARE) {
      if (System.nanoTime() - deadline > 0) {
        throw new AssertionError(
            name
                + " left something behind: "
                + descriptors()
                + " descriptors where there were "
                + descriptors
                + ", "
                + Thread.activeCount()
                + " threads where there were "
                + threads);
      }
      TimeUnit.MILLISECONDS.sleep(20);
    }
  }

  private static long descriptors() throws IOException {
    try (Stream<Path> all = Files.list(Path.of("/proc/self/fd"))) {
      return all.count();
    }
  }

  private void run(ExecutorService worker, long caseSeed, Case one) throws InterruptedException {
    Thread[] thread = new Thread[1];
    Future<Long> outcome =
        worker.submit(
            () -> {
              thread[0] = Thread.currentThread();
              return bytesOf(one, new Random(caseSeed));
            });
    try {
      long bytes = outcome.get(most.toNanos(), TimeUnit.NANOSECONDS);
      if (bytes > mostBytes) {
        throw failed(caseSeed, "allocated " + bytes + " bytes", null);
      }
    } catch (ExecutionException e) {
      throw failed(caseSeed, "threw what tells nobody that the input is bad", e.getCause());
    } catch (TimeoutException e) {
      Throwable where = new IllegalStateException("it is here");
      if (thread[0] != null) {
        where.setStackTrace(thread[0].getStackTrace());
      }
      throw failed(caseSeed, "did not end within " + most, where);
    }
  }

  private long bytesOf(Case one, Random random) throws Exception {
    long before = THREADS.getThreadAllocatedBytes(Thread.currentThread().getId());
    try {
      one.run(random);
    } catch (Throwable e) {
      if (refusals.stream().noneMatch(refusal -> refusal.isInstance(e))) {
        throw e;
      }
    }
    return THREADS.getThreadAllocatedBytes(Thread.currentThread().getId()) - before;
  }

  private AssertionError failed(long caseSeed, String what, @Nullable Throwable cause) {
    return new AssertionError(
        name
            + ": a case "
            + what
            + "; again with -Dvmferry.fuzz.seed="
            + caseSeed
            + " -Dvmferry.fuzz.cases=1",
        cause);
  }
}
