package io.vmferry.streams.snapshot;

import io.vmferry.streams.pages.GuestPages;
import io.vmferry.streams.pages.PageRun;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;

/**
 * The load of a working set into a guest's memory, before anything else: first what is kept
 * together, then the rest of it where it is, in large reads. By several threads, and not after
 * demands.
 */
final class WorkingSetLoad {
  private final SnapshotMemory memory;
  private final GuestPages pages;
  private final long mostPages;

  /**
   * A load.
   *
   * @param pages of the memory
   * @param mostPages of one read
   */
  WorkingSetLoad(SnapshotMemory memory, GuestPages pages, long mostPages) {
    this.memory = memory;
    this.pages = pages;
    this.mostPages = mostPages;
  }

  /** Loads; returns early once the memory is stopped. */
  void run(WorkingSetRecord workingSet) throws IOException {
    Iterator<PackedPages.Piece> packed = workingSet.pieces(pages).iterator();
    if (packed.hasNext()) {
      Workers.run(Workers.count(), "fill-packed", () -> loadPacked(workingSet, packed));
    }
    List<PageRun> rest = workingSet.earlier().stream().filter(this::isWanted).toList();
    loadPlanned(LoadPlan.of(rest, pages, mostPages));
  }

  private boolean isWanted(PageRun run) {
    return !memory.isClaimed(pages.indexOf(run.gpa()), run.lengthBytes() / pages.pageBytes());
  }

  private void loadPacked(WorkingSetRecord workingSet, Iterator<PackedPages.Piece> pieces)
      throws IOException {
    ByteBuffer bytes = ByteBuffer.allocateDirect(PackedPages.PIECE_BYTES);
    PackedPages.Piece piece = next(pieces);
    while (piece != null && workingSet.readPiece(piece, bytes.clear().limit(piece.lengthBytes()))) {
      int at = 0;
      for (PageRun run : piece.runs()) {
        int length = (int) run.lengthBytes();
        memory.writeUnclaimed(pages.indexOf(run.gpa()), bytes.slice(at, length));
        at += length;
      }
      piece = next(pieces);
    }
  }

  private void loadPlanned(List<LoadPlan.Piece> plan) throws IOException {
    if (plan.isEmpty()) {
      return;
    }
    // A disk does many reads in the time of one.
    Future<Boolean> prefetching = Workers.start("fill-prefetch", () -> prefetch(plan));
    Iterator<LoadPlan.Piece> pieces = plan.iterator();
    try {
      Workers.run(Workers.count(), "fill-first", () -> loadPlanned(pieces));
    } finally {
      Workers.awaitEnd(prefetching);
    }
  }

  private void prefetch(List<LoadPlan.Piece> plan) {
    for (LoadPlan.Piece piece : plan) {
      if (memory.isStopped()) {
        return;
      }
      memory.prefetch(piece.first(), piece.count());
    }
  }

  private void loadPlanned(Iterator<LoadPlan.Piece> pieces) throws IOException {
    for (LoadPlan.Piece piece = next(pieces); piece != null; piece = next(pieces)) {
      memory.loadUnclaimed(piece.first(), piece.count());
    }
  }

  private <T> @Nullable T next(Iterator<T> pieces) {
    return memory.isStopped() ? null : Workers.next(pieces);
  }
}
