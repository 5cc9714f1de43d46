package io.vmferry.streams.snapshot;

import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.GuestRegion;
import io.vmferry.kvm.memory.PageSize;
import io.vmferry.streams.config.GuestRamMapping;
import io.vmferry.streams.pages.GuestPages;
import io.vmferry.streams.pages.PresentBitmap;
import io.vmferry.streams.transfer.SharedPages;
import io.vmferry.streams.wire.MemoryRange;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Memory files for a guest out of a snapshot, one for each slot: filled at once by {@link
 * #loadAll}; or empty at first, and then {@link #bring} brings the pages that are asked for while
 * {@link #fill} brings the rest.
 *
 * <p>A page is brought once: whoever claims it, and nobody writes to it after it is present, as the
 * guest may have changed it from then on. Holes of the snapshot are made pages of zeros without
 * reading.
 *
 * <p>Thread-safe, but for {@link #close}.
 */
public final class SnapshotMemory implements SharedPages, AutoCloseable {
  // A fault on a page that the background has claimed waits for the rest of this.
  private static final int FILL_BYTES = 1 << 20;
  private static final long YIELD_MILLIS = 1;
  // A guest that starts again touches what it needs in one rush.
  private static final long QUIET_NANOS = TimeUnit.MILLISECONDS.toNanos(500);
  private static final long RUSH_NANOS = TimeUnit.SECONDS.toNanos(5);
  // A disk or a mount that fails for a moment must not cost a guest that runs already.
  private static final int READ_ATTEMPTS = 4;
  private static final long FIRST_PAUSE_MILLIS = 50;

  private final SnapshotReader snapshot;
  private final List<GuestRamMapping> slots;
  private final GuestMemory memory;
  private final GuestPages pages;
  private final PresentBitmap claimed;
  private final PresentBitmap present;
  // Never more than threads that bring pages at once.
  private final Queue<ByteBuffer> buffers = new ConcurrentLinkedQueue<>();
  private final AtomicInteger demands = new AtomicInteger();
  private final CountDownLatch firstEnded = new CountDownLatch(1);
  // The page behind the last that was asked for: who asks for it next goes through memory in order.
  private final AtomicLong walk = new AtomicLong(-1);
  private volatile long lastDemandNanos = System.nanoTime();
  private volatile boolean stopped;
  // Of any load; the guest cannot have all of its memory any more.
  private volatile @Nullable IOException failure;

  private SnapshotMemory(SnapshotReader snapshot, List<GuestRamMapping> slots, GuestMemory memory) {
    this.snapshot = snapshot;
    this.slots = slots;
    this.memory = memory;
    this.pages = GuestPages.of(memory);
    this.claimed = new PresentBitmap(pages.count());
    this.present = new PresentBitmap(pages.count());
  }

  /**
   * Makes the files and maps them; nothing of them is allocated.
   *
   * @param snapshot stays open as long as this
   * @param pageSize what the guest's memory is made of
   * @throws IOException if there is too little memory
   */
  public static SnapshotMemory create(SnapshotReader snapshot, PageSize pageSize)
      throws IOException {
    return new SnapshotMemory(
        snapshot,
        SlotMemory.slots(snapshot.config()),
        SlotMemory.create(snapshot.config(), pageSize));
  }

  /** The memory, one region for each slot. */
  public GuestMemory memory() {
    return memory;
  }

  /**
   * Brings everything, as fast as can be. Holes stay holes. Not beside {@link #bring}.
   *
   * @param progress told how many bytes are done, holes included; from several threads
   * @throws IOException if the snapshot cannot be read or there is too little memory
   */
  public void loadAll(LongConsumer progress) throws IOException {
    for (int i = 0; i < slots.size(); i++) {
      GuestRegion target = memory.regions().get(i);
      SparseCopy.copy(
          snapshot.memory(slots.get(i)), target.memfd()::writeAt, target.fileOffset(), progress);
    }
  }

  @Override
  public void bring(MemoryRange range) throws IOException {
    demands.incrementAndGet();
    lastDemandNanos = System.nanoTime();
    try {
      long first = pages.indexOf(range.gpa());
      long end = pages.indexOf(range.gpa() + range.length() - 1) + 1;
      boolean inOrder = walk.getAndSet(end) == first;
      for (long page = first; page < end; ) {
        long mine = claimed.setRun(page, inOrder ? ahead(page, end) : end - page);
        if (mine > 0) {
          load(page, mine);
          page += mine;
        } else {
          awaitPresent(page);
          page++;
        }
      }
    } finally {
      demands.decrementAndGet();
    }
  }

  /** Whoever fetches memory page by page does not want a read for each. */
  private long ahead(long page, long end) {
    long most = Math.max(end - page, FILL_BYTES / pages.pageBytes());
    return Math.min(most, pages.regionEnd(page) - page);
  }

  /**
   * Brings every page that is not claimed, by rising address, and lets demands go first. Returns
   * early once {@link #stop} is called.
   *
   * @throws IOException if the snapshot cannot be read, not even a moment later; demands may go on
   */
  public void fill() throws IOException {
    firstEnded.countDown();
    fillRest(mostPages());
  }

  /**
   * As {@link #fill()}; but what earlier restores recorded is brought before everything else, in
   * large reads by several threads, and not after demands: these are what it is about. Where there
   * is no such record yet, the rest waits until the guest has not demanded anything for a while:
   * what is brought before is not demanded, and would be missing in the record.
   */
  public void fill(WorkingSetRecord workingSet) throws IOException {
    fillFirst(workingSet);
    if (workingSet.earlier().isEmpty()) {
      awaitQuiet();
    }
    fillRest(mostPages());
  }

  /** Brings what earlier restores recorded, and nothing else. */
  void fillFirst(WorkingSetRecord workingSet) throws IOException {
    try {
      new WorkingSetLoad(this, pages, mostPages()).run(workingSet);
    } finally {
      firstEnded.countDown();
    }
  }

  /**
   * Waits until {@link #fill} has brought what comes first, or could not.
   *
   * @param most how long at most
   * @throws InterruptedIOException if the thread is interrupted
   */
  public void awaitFirst(Duration most) throws InterruptedIOException {
    try {
      boolean unused = firstEnded.await(most.toNanos(), TimeUnit.NANOSECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while a working set was loaded");
    }
  }

  private void awaitQuiet() throws IOException {
    long begin = System.nanoTime();
    while (!stopped
        && System.nanoTime() - lastDemandNanos < QUIET_NANOS
        && System.nanoTime() - begin < RUSH_NANOS) {
      rest(YIELD_MILLIS);
    }
  }

  private long mostPages() {
    return Math.max(1, FILL_BYTES / pages.pageBytes());
  }

  private MemorySource source(int region) {
    return snapshot.memory(slots.get(region));
  }

  /** Whether every page is here or on its way. */
  boolean isClaimed(long first, long count) {
    long next = claimed.nextClear(first);
    return next < 0 || next >= first + count;
  }

  /** Whether nothing more is wanted. */
  boolean isStopped() {
    return stopped;
  }

  /** Says that pages are read soon. */
  void prefetch(long first, long count) {
    source(pages.regionOf(first)).prefetch(pages.offsetOf(first), count * pages.pageBytes());
  }

  /** Reads those of some pages of one region that nobody has claimed. */
  void loadUnclaimed(long first, long count) throws IOException {
    forUnclaimed(first, count, this::load);
  }

  /** Writes those of some pages of one region that nobody has claimed, from the bytes of all. */
  void writeUnclaimed(long first, ByteBuffer bytes) throws IOException {
    forUnclaimed(
        first,
        bytes.remaining() / pages.pageBytes(),
        (page, count) -> write(page, slice(bytes, page - first, count)));
  }

  private ByteBuffer slice(ByteBuffer bytes, long page, long count) {
    return bytes.slice((int) (page * pages.pageBytes()), (int) (count * pages.pageBytes()));
  }

  private void write(long first, ByteBuffer bytes) throws IOException {
    GuestRegion target = memory.regions().get(pages.regionOf(first));
    long offset = target.fileOffset() + pages.offsetOf(first);
    make(first, bytes.remaining() / pages.pageBytes(), () -> target.memfd().writeAt(offset, bytes));
  }

  /** What is done with pages that were claimed. */
  private interface Claimed {
    void make(long first, long count) throws IOException;
  }

  private void forUnclaimed(long first, long count, Claimed work) throws IOException {
    long end = first + count;
    for (long page = first; page >= 0 && page < end; page = claimed.nextClear(page)) {
      long mine = claimed.setRun(page, end - page);
      if (mine > 0) {
        work.make(page, mine);
      }
    }
  }

  private void fillRest(long most) throws IOException {
    for (long page = claimed.nextClear(0); page >= 0 && !stopped; page = claimed.nextClear(page)) {
      yieldToDemands();
      long mine = claimed.setRun(page, Math.min(most, pages.regionEnd(page) - page));
      if (mine > 0) {
        load(page, mine);
      }
    }
  }

  /** Why some page could not be brought; null if every one could up to now. */
  public @Nullable IOException failure() {
    return failure;
  }

  /** Ends {@link #fill} after the piece at hand. */
  public void stop() {
    stopped = true;
  }

  private void load(long first, long count) throws IOException {
    make(first, count, () -> readPatiently(first, count));
  }

  /** Nobody else may write to claimed pages; they are present when this returns. */
  private void make(long first, long count, Workers.Share work) throws IOException {
    try {
      work.run();
    } catch (IOException e) {
      failure = e;
      stop(); // Whoever waits for one of these pages must not wait for ever.
      throw e;
    }
    present.set(first, count);
    synchronized (present) {
      present.notifyAll();
    }
  }

  /** Again after a failure, unless the snapshot itself is at fault. */
  private void readPatiently(long first, long count) throws IOException {
    long pauseMillis = FIRST_PAUSE_MILLIS;
    for (int attempt = 1; ; attempt++) {
      try {
        read(first, count);
        return;
      } catch (SnapshotException | InterruptedIOException e) {
        throw e;
      } catch (IOException e) {
        if (attempt == READ_ATTEMPTS || stopped) {
          throw e;
        }
      }
      rest(pauseMillis);
      pauseMillis *= 2;
    }
  }

  private void read(long first, long count) throws IOException {
    int region = pages.regionOf(first);
    GuestRegion target = memory.regions().get(region);
    MemorySource source = source(region);
    long start = pages.offsetOf(first);
    long end = start + count * pages.pageBytes();
    for (long at = start; at < end; ) {
      long data = source.nextData(at);
      if (data < 0 || data >= end) {
        target.mapping().populate(at, end - at);
        break;
      }
      if (data > at) {
        // Whole pages only: the rest of the last one comes with its data.
        long zeros = (data - at) / pages.pageBytes() * pages.pageBytes();
        if (zeros > 0) {
          target.mapping().populate(at, zeros);
        }
        at = data;
      }
      long hole = Math.min(end, source.nextHole(at));
      copy(source, at, hole, target);
      at = hole;
    }
  }

  /** Through a buffer: a write to the file is cheaper than a fault on its mapping. */
  private void copy(MemorySource source, long start, long end, GuestRegion target)
      throws IOException {
    ByteBuffer free = buffers.poll();
    ByteBuffer buffer = free == null ? ByteBuffer.allocateDirect(FILL_BYTES) : free;
    try {
      for (long at = start; at < end; at += buffer.capacity()) {
        buffer.clear().limit((int) Math.min(buffer.capacity(), end - at));
        source.readAt(at, buffer);
        target.memfd().writeAt(target.fileOffset() + at, buffer.flip());
      }
    } finally {
      buffers.add(buffer);
    }
  }

  private void awaitPresent(long page) throws IOException {
    synchronized (present) {
      while (!present.get(page) && !stopped) {
        pause();
      }
    }
    if (!present.get(page)) {
      throw new SnapshotException("The memory is no longer served.", failure);
    }
  }

  private void yieldToDemands() throws IOException {
    synchronized (present) {
      while (demands.get() > 0 && !stopped) {
        pause();
      }
    }
  }

  private static void rest(long millis) throws IOException {
    try {
      TimeUnit.MILLISECONDS.sleep(millis);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while a snapshot was loaded");
    }
  }

  private void pause() throws IOException {
    try {
      present.wait(YIELD_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while a page was awaited");
    }
  }

  @Override
  public void close() {
    memory.close();
  }
}
