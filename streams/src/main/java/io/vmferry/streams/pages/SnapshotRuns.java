package io.vmferry.streams.pages;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.GuestRegion;
import io.vmferry.kvm.memory.Memfd;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.NoSuchElementException;

/**
 * What the first round sends: all memory that is not zero. Holes of the memory file are found with
 * SEEK_DATA and not touched, so nothing is allocated; pages inside an extent are compared with
 * zeros.
 *
 * <p>Only a first round into memory that nobody wrote may skip zeros: in a later round a page that
 * became zero must overwrite what the destination has. The dirty log must be on before the scan
 * starts, so that a page filled behind it is sent in the next round.
 *
 * <p>Lazy: a step of {@link #next} looks at {@value #STEP_BYTES} bytes or more, until it finds a
 * page that is not zero. Not thread-safe.
 */
public final class SnapshotRuns implements Iterator<PageRun> {
  // Two thirds of a millisecond of scanning; fits the second-level cache with the send that
  // follows.
  static final int STEP_BYTES = 1 << 20;
  // A run is handed out at this length, so that sending starts before the scan ends.
  private static final long MAX_RUN_BYTES = 64L << 20;
  private static final int PAGE_BYTES = ZeroPages.PAGE_BYTES;

  private final GuestMemory memory;
  private final Iterator<GuestRegion> regions;
  private final Deque<PageRun> found = new ArrayDeque<>();
  // Hugepages are read through the file: their holes are not reported, and a touch allocates one.
  private final ByteBuffer copy;
  private GuestRegion region;
  private long offset;
  private long dataEnd;
  private boolean exhausted;

  /**
   * Starts at the first region.
   *
   * @param memory guest memory that is all there (not a postcopy destination that still fills)
   */
  public SnapshotRuns(GuestMemory memory) {
    this.memory = memory;
    this.regions = memory.regions().iterator();
    this.region = regions.next();
    this.copy = ByteBuffer.allocateDirect(memory.pageSize().isHuge() ? STEP_BYTES : 0);
  }

  @Override
  public boolean hasNext() {
    try {
      // One run is held back until it is certain that the next step does not continue it.
      while (found.size() < 2 && !exhausted) {
        step();
      }
    } catch (IOException e) {
      throw new UncheckedIOException("could not find the data of the guest's memory file", e);
    }
    return !found.isEmpty();
  }

  @Override
  public PageRun next() {
    if (!hasNext()) {
      throw new NoSuchElementException();
    }
    return found.removeFirst();
  }

  private void step() throws IOException {
    if (offset >= dataEnd && !nextExtent()) {
      exhausted = true;
      return;
    }
    int length = (int) Math.min(STEP_BYTES, dataEnd - offset);
    scan(window(length), region.base().value() + offset);
    offset += length;
  }

  /** Moves to the next extent with data, in this region or a later one. */
  private boolean nextExtent() throws IOException {
    while (true) {
      Memfd memfd = region.memfd();
      long fileOffset = region.fileOffset();
      if (offset < region.sizeBytes()) {
        long data = memfd.nextData(fileOffset + offset);
        if (data >= 0 && data - fileOffset < region.sizeBytes()) {
          long hole = memfd.nextHole(data);
          offset = data - fileOffset;
          dataEnd = hole < 0 ? region.sizeBytes() : Math.min(region.sizeBytes(), hole - fileOffset);
          return true;
        }
      }
      if (!regions.hasNext()) {
        return false;
      }
      region = regions.next();
      offset = 0;
      dataEnd = 0;
    }
  }

  private ByteBuffer window(int length) throws IOException {
    if (!memory.pageSize().isHuge()) {
      return region.mapping().slice(offset, length);
    }
    copy.clear().limit(length);
    region.memfd().readAt(region.fileOffset() + offset, copy);
    return copy.flip();
  }

  private void scan(ByteBuffer window, long gpa) {
    int length = window.remaining();
    int at = 0;
    while (at < length) {
      while (at < length && ZeroPages.isZero(window, at)) {
        at += PAGE_BYTES;
      }
      int start = at;
      while (at < length && !ZeroPages.isZero(window, at)) {
        at += PAGE_BYTES;
      }
      if (at > start) {
        add(new PageRun(gpa + start, at - start));
      }
    }
  }

  private void add(PageRun run) {
    PageRun last = found.peekLast();
    boolean continues =
        last != null
            && last.gpa() + last.lengthBytes() == run.gpa()
            && last.lengthBytes() < MAX_RUN_BYTES
            && region.contains(new Gpa(last.gpa()), last.lengthBytes() + run.lengthBytes());
    if (continues) {
      found.removeLast();
      found.addLast(new PageRun(last.gpa(), last.lengthBytes() + run.lengthBytes()));
    } else {
      found.addLast(run);
    }
  }
}
