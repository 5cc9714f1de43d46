package io.vmferry.streams.transfer;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.Hva;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.GuestRegion;
import io.vmferry.kvm.memory.Mapping;
import io.vmferry.kvm.uffd.Outcome;
import io.vmferry.kvm.uffd.PageInstaller;
import io.vmferry.streams.pages.GuestPages;
import io.vmferry.streams.pages.PresentBitmap;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A destination's memory while its pages arrive.
 *
 * <p>Bytes go into a second mapping of the memory's files, which userfaultfd does not watch: no
 * call per page, large reads, hugepages. The guest sees a page only once it is mapped for it, when
 * it touches it (decision 10). So the states of a page are
 *
 * <pre>
 * missing --- claim ---&gt; claimed --- arrived ---&gt; present --- fault ---&gt; mapped
 * </pre>
 *
 * <p>Invariant: a page's bytes are written only between its one successful {@link #claim} and its
 * {@link #arrived}. Whoever gets bytes for a page that it could not claim drops them: the guest may
 * have changed the page since.
 *
 * <p>Thread-safe and free of locks, but for {@link #close}, before which every other call must have
 * returned.
 */
public final class ArrivingPages implements AutoCloseable {
  // What one fault on a page that is here maps beside it. A guest walks on; more than a hugepage
  // would make it wait longer than the faults it saves.
  private static final long AROUND_BYTES = 2 << 20;
  private static final int DIGEST_BYTES = 1 << 20;

  private final GuestMemory memory;
  private final PageInstaller installer;
  private final ArrivalListener listener;
  private final GuestPages pages;
  private volatile PresentBitmap claimed;
  private final PresentBitmap present;
  // Whether a page that has not arrived may hold something: what it was before it was discarded.
  private final boolean stale;
  private final List<Mapping> filling = new ArrayList<>();
  // Pages that were touched before they came, with the time. Few: at most one for each thread that
  // touches guest memory.
  private final ConcurrentHashMap<Long, Long> waiting = new ConcurrentHashMap<>();
  private final CompletableFuture<Void> whole = new CompletableFuture<>();

  /**
   * Maps the memory a second time.
   *
   * @param memory the destination's, watched by {@code installer} for missing and minor faults
   * @param present the pages that are there already; set here as pages arrive. If there are any,
   *     the others may hold what they were before
   * @param listener hears of every page
   * @throws IOException if the memory cannot be mapped
   */
  public ArrivingPages(
      GuestMemory memory, PageInstaller installer, PresentBitmap present, ArrivalListener listener)
      throws IOException {
    this.memory = memory;
    this.installer = installer;
    this.listener = listener;
    this.pages = GuestPages.of(memory);
    if (present.pages() != pages.count()) {
      throw new IllegalArgumentException("bitmap of another guest: " + present.pages() + " pages");
    }
    this.present = present;
    this.claimed = present.copy();
    this.stale = present.count() > 0;
    try {
      for (GuestRegion region : memory.regions()) {
        filling.add(region.memfd().map(region.fileOffset(), region.sizeBytes()));
      }
    } catch (IOException e) {
      close();
      throw e;
    }
  }

  /** The numbering of the pages, of the memory's page size. */
  public GuestPages pages() {
    return pages;
  }

  /** The pages that are present; not to be set by others. */
  public PresentBitmap present() {
    return present;
  }

  /** Whether every page is present. */
  public boolean isComplete() {
    return present.isComplete();
  }

  /** Completes once every page is present, on the thread that brought the last one. */
  CompletionStage<Void> whole() {
    return whole.minimalCompletionStage();
  }

  /** Whether somebody brings the page, or has brought it. */
  boolean isClaimed(long page) {
    return claimed.get(page);
  }

  /**
   * Claims the pages from {@code first} on, up to the first claimed one or the region's end.
   *
   * @param max at most so many
   * @return how many are the caller's to bring; 0 if the first one is another's
   */
  long claim(long first, long max) {
    return claimed.setRun(first, Math.min(max, pages.regionEnd(first) - first));
  }

  /**
   * Gives back what was claimed and has not arrived. Whoever claimed it must have ended: what it
   * wrote of those pages is overwritten.
   */
  void releaseClaims() {
    claimed = present.copy();
  }

  /** Pages that were touched and are not mapped yet. */
  List<Gpa> awaited() {
    return waiting.keySet().stream().map(pages::gpaOf).toList();
  }

  /**
   * Where the bytes of claimed pages go. Safe to touch from Java code too.
   *
   * @param offsetBytes behind the start of {@code first}
   */
  ByteBuffer target(long first, long offsetBytes, int lengthBytes) {
    return fillingOf(first).slice(pages.offsetOf(first) + offsetBytes, lengthBytes);
  }

  /** Copies the bytes of claimed pages to where they belong. */
  void write(long first, long sourceAddress, long lengthBytes) {
    fillingOf(first).copyIn(pages.offsetOf(first), sourceAddress, lengthBytes);
  }

  /**
   * The bytes of claimed pages are whole: who waits for them goes on.
   *
   * @throws IOException if they cannot be mapped for the guest
   */
  void arrived(long first, long count) throws IOException {
    showArriving(first, count);
    present(first, count, count * pages.pageBytes());
  }

  private void showArriving(long first, long count) {
    long bytes = count * pages.pageBytes();
    for (long done = 0; done < bytes; done += DIGEST_BYTES) {
      int length = (int) Math.min(DIGEST_BYTES, bytes - done);
      listener.arriving(pages.gpaOf(first).plus(done), target(first, done, length));
    }
  }

  /**
   * Claimed pages are zero.
   *
   * @throws IOException if they cannot be mapped for the guest
   */
  void arrivedZero(long first, long count) throws IOException {
    long bytes = count * pages.pageBytes();
    if (stale) {
      fillingOf(first).fill(pages.offsetOf(first), bytes, (byte) 0);
    }
    present(first, count, 0);
  }

  /**
   * Claimed pages are in the shared file: whoever serves them has put them there.
   *
   * @throws IOException if they cannot be mapped for the guest
   */
  void arrivedInSharedFile(long first, long count) throws IOException {
    showArriving(first, count);
    present(first, count, 0);
  }

  private void present(long first, long count, long bytes) throws IOException {
    present.set(first, count);
    listener.arrived(count, bytes);
    // A fault is noted before it looks for the page, and pages are set before this looks for
    // faults: one of the two sees the other.
    if (!waiting.isEmpty()) {
      for (long page : waiting.keySet()) {
        if (page >= first && page < first + count) {
          settle(page);
        }
      }
    }
    if (present.isComplete()) {
      whole.complete(null);
    }
  }

  /**
   * The guest has touched a page that is not mapped for it. Maps it if it is present, and its
   * neighbours with it.
   *
   * @param address anywhere in the page
   * @param sinceNanos when the fault was read (System.nanoTime)
   * @return false if the page must be brought; who brings it lets the guest go on
   * @throws IllegalArgumentException if the address is outside the guest's memory
   * @throws IOException if the page cannot be mapped
   */
  public boolean fault(Gpa address, long sinceNanos) throws IOException {
    long page = pageAt(address);
    if (!present.get(page)) {
      waiting.putIfAbsent(page, sinceNanos);
      if (!present.get(page)) {
        return false;
      }
      settle(page);
      return true;
    }
    map(page);
    listener.faultServed(System.nanoTime() - sinceNanos, false);
    mapAround(page);
    return true;
  }

  /**
   * Makes room for a page that is under way, so that its bytes find memory: the time passes while
   * the request travels. Does not change what the page holds.
   *
   * @throws IOException if there is too little memory
   */
  void prepare(long page) throws IOException {
    fillingOf(page).populate(pages.offsetOf(page), pages.pageBytes());
  }

  /** The number of the page of an address in the guest's memory. */
  long pageAt(Gpa address) {
    long page = pages.indexOf(address.value());
    if (page == GuestPages.OUTSIDE) {
      throw new IllegalArgumentException("fault at " + address + " outside the guest's memory");
    }
    return page;
  }

  private void settle(long page) throws IOException {
    Long since = waiting.remove(page);
    if (since != null) {
      map(page);
      listener.faultServed(System.nanoTime() - since, true);
    }
  }

  private void map(long page) throws IOException {
    Hva target = hvaOf(page);
    Outcome outcome;
    do {
      outcome = installer.resume(target, pages.pageBytes()).outcome();
      if (outcome == Outcome.HOLE) {
        prepare(page); // a page of zeros
      } else if (outcome == Outcome.RETRY) {
        Thread.onSpinWait();
      }
    } while (outcome == Outcome.HOLE || outcome == Outcome.RETRY);
  }

  /** Best effort, and what is mapped already ends it: those pages were touched before. */
  private void mapAround(long page) throws IOException {
    long block = AROUND_BYTES / pages.pageBytes();
    if (block <= 1) {
      return;
    }
    long gpa = pages.gpaOf(page).value();
    long end = page + block - (gpa / pages.pageBytes()) % block;
    end = Math.min(end, pages.regionEnd(page));
    long missing = present.nextClear(page + 1);
    if (missing >= 0) {
      end = Math.min(end, missing);
    }
    if (end > page + 1) {
      long bytes = (end - page - 1) * pages.pageBytes();
      Outcome unused = installer.resume(hvaOf(page + 1), bytes).outcome();
    }
  }

  private Hva hvaOf(long page) {
    return memory.regions().get(pages.regionOf(page)).mapping().hva().plus(pages.offsetOf(page));
  }

  private Mapping fillingOf(long page) {
    return filling.get(pages.regionOf(page));
  }

  /** Unmaps the second mapping; the memory stays. */
  @Override
  public void close() {
    filling.forEach(Mapping::close);
  }
}
