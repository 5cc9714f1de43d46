package io.vmferry.actors.vm;

import io.vmferry.actors.machine.Machine;
import io.vmferry.kvm.DirtyBitmapBuffer;
import io.vmferry.kvm.SyscallException;
import io.vmferry.kvm.memory.GuestRegion;
import io.vmferry.streams.pages.DirtyPages;
import io.vmferry.streams.transfer.DirtyAgain;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Looks at the dirty logs while a round is being sent and leaves them as they are: with manual
 * clearing KVM_GET_DIRTY_LOG only reads. What it finds is collected after the round by {@link
 * MemoryRegion}, which owns the logs.
 *
 * <p>One for each round, made after the last collection: what was dirty before it is not in the
 * next round. Thread-safe.
 */
public final class DirtyLogPeek implements DirtyAgain {
  // A look costs 26 us for each GiB of guest, so it may take this part of the time at most.
  private static final int ONE_PART_OF = 50;

  private final Machine machine;
  // Kept for all looks. What is found is copied: connections still go by the last look's pages.
  private final List<DirtyBitmapBuffer> bitmaps = new ArrayList<>();
  private final ReentrantLock looking = new ReentrantLock();
  private volatile DirtyPages newest = DirtyPages.NONE;
  private volatile long nextLookNanos = System.nanoTime();

  /**
   * A look at a guest whose dirty logging is on.
   *
   * @param machine may be closed while this is asked; the round fails then
   */
  public DirtyLogPeek(Machine machine) {
    this.machine = machine;
    for (GuestRegion region : machine.memory().regions()) {
      bitmaps.add(machine.kvm().newDirtyBitmap(region.sizeBytes() / DirtyPages.PAGE_BYTES));
    }
  }

  @Override
  public DirtyPages newest() throws SyscallException {
    if (System.nanoTime() - nextLookNanos >= 0 && looking.tryLock()) {
      try {
        look();
      } finally {
        looking.unlock();
      }
    }
    return newest;
  }

  private void look() throws SyscallException {
    long startNanos = System.nanoTime();
    List<DirtyPages> parts = new ArrayList<>(bitmaps.size());
    machine.enter();
    try {
      for (int i = 0; i < bitmaps.size(); i++) {
        GuestRegion region = machine.memory().regions().get(i);
        DirtyBitmapBuffer bitmap = bitmaps.get(i);
        machine.kvm().readDirtyLog(region.slot(), bitmap);
        parts.add(DirtyPages.ofRegion(region.base(), bitmap.pages(), bitmap.view()));
      }
    } finally {
      machine.leave();
    }
    newest = DirtyPages.joined(parts);
    long endNanos = System.nanoTime();
    nextLookNanos = endNanos + (endNanos - startNanos) * ONE_PART_OF;
  }
}
