package io.vmferry.streams.snapshot;

import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.streams.pages.GuestPages;
import io.vmferry.streams.pages.PageRun;
import io.vmferry.streams.pages.PresentBitmap;
import io.vmferry.streams.wire.MemoryRange;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The working set of one restore on demand: what earlier restores have recorded, which is loaded
 * first, and what this one adds. Nothing is taken from it: pages that are there before the guest
 * touches them are not demanded any more, and are needed all the same.
 *
 * <p>Whether pages are recorded or loaded early never decides whether a guest is restored: what
 * goes wrong here is a warning.
 *
 * <p>One thread at a time, but for {@link #readPiece}.
 */
public final class WorkingSetRecord {
  // The unit of counting, in bytes: larger pages are several.
  private static final long PAGE_BYTES = 4096;

  private final UUID generation;
  private final WorkingSetFile file;
  private final GuestPages pages;
  private final boolean prefaultsSaySo;
  private final PresentBitmap recorded;
  private final PresentBitmap asked;
  private final List<PageRun> earlier;
  private final List<PageRun> runs;
  private final @Nullable PackedPages packed;
  private final Consumer<String> warnings;
  private final AtomicBoolean packIgnored = new AtomicBoolean();
  private long walk;
  private boolean grown;

  private WorkingSetRecord(
      UUID generation,
      WorkingSetFile file,
      GuestPages pages,
      boolean prefaultsSaySo,
      List<PageRun> earlier,
      @Nullable PackedPages packed,
      Consumer<String> warnings) {
    this.warnings = warnings;
    this.packed = packed;
    this.generation = generation;
    this.file = file;
    this.pages = pages;
    this.prefaultsSaySo = prefaultsSaySo;
    this.recorded = new PresentBitmap(pages.count());
    this.asked = new PresentBitmap(pages.count());
    this.earlier = earlier;
    this.runs = new ArrayList<>(earlier);
    for (PageRun run : earlier) {
      recorded.set(pages.indexOf(run.gpa()), run.lengthBytes() / PAGE_BYTES);
    }
  }

  /**
   * Reads what is kept with a snapshot; what cannot be used is ignored.
   *
   * @param memory of the guest
   * @param prefaultsSaySo whether what the destination asks for with a PageFault is demanded by its
   *     guest (the extension PREFAULT), and not just fetched
   * @param warnings told a sentence for each thing that goes wrong
   */
  public static WorkingSetRecord open(
      SnapshotReader snapshot,
      GuestMemory memory,
      boolean prefaultsSaySo,
      Consumer<String> warnings) {
    UUID generation = snapshot.generation();
    GuestPages pages = new GuestPages(memory.regions(), PAGE_BYTES);
    List<PageRun> earlier = List.of();
    try {
      earlier = read(snapshot.workingSet(), generation, pages);
    } catch (IOException e) {
      warnings.accept(
          "The working set that is kept with the snapshot is ignored: " + e.getMessage() + ".");
    }
    return new WorkingSetRecord(
        generation,
        snapshot.workingSet(),
        pages,
        prefaultsSaySo,
        earlier,
        snapshot.packedPages(),
        warnings);
  }

  private static List<PageRun> read(WorkingSetFile file, UUID generation, GuestPages pages)
      throws IOException {
    byte[] bytes = file.read();
    if (bytes == null) {
      return List.of();
    }
    WorkingSet kept = WorkingSet.decode(bytes);
    if (!kept.generation().equals(generation)) {
      throw new SnapshotException("it is of another snapshot");
    }
    for (PageRun run : kept.runs()) {
      if (!pages.areWhole(run.gpa(), run.lengthBytes())) {
        throw new SnapshotException("it has pages that the guest has not");
      }
    }
    return kept.runs();
  }

  /** What earlier restores recorded, in its order. */
  public List<PageRun> earlier() {
    return earlier;
  }

  /**
   * What of {@link #earlier} is kept together.
   *
   * @param guest the pages that its memory is made of
   * @return nothing if it cannot be used, after a warning
   */
  List<PackedPages.Piece> pieces(GuestPages guest) {
    if (packed == null || earlier.isEmpty()) {
      return List.of();
    }
    try {
      List<PackedPages.Piece> pieces = packed.pieces();
      for (PackedPages.Piece piece : pieces) {
        for (PageRun run : piece.runs()) {
          if (!guest.areWhole(run.gpa(), run.lengthBytes())) {
            throw new SnapshotException("They are of other pages than the guest's.");
          }
        }
      }
      return pieces;
    } catch (IOException e) {
      ignorePack(e);
      return List.of();
    }
  }

  /**
   * Reads a piece. Any thread.
   *
   * @param into a direct buffer with exactly its length of room
   * @return false if it cannot be used, after one warning
   */
  boolean readPiece(PackedPages.Piece piece, ByteBuffer into) {
    if (packed == null || packIgnored.get()) {
      return false;
    }
    try {
      packed.read(piece, into);
      return true;
    } catch (IOException e) {
      ignorePack(e);
      return false;
    }
  }

  private void ignorePack(IOException cause) {
    if (!packIgnored.getAndSet(true)) {
      warnings.accept(
          "The packed pages that are kept with the snapshot are ignored: " + cause.getMessage());
    }
  }

  /** The destination has sent a PageFault. */
  public void faulted(MemoryRange page) {
    long first = pages.indexOf(page.gpa());
    long count = page.length() / PAGE_BYTES;
    boolean demanded = prefaultsSaySo || !continuesWalk(first, count);
    if (demanded && recorded.set(first, count) > 0) {
      add(new PageRun(page.gpa(), page.length()));
    }
  }

  /**
   * Cloud Hypervisor asks in the same way for what its guest waits for and for what it fetches in
   * the background, one page after the other by rising address. The next page that it has not asked
   * for is taken for the latter.
   */
  private boolean continuesWalk(long first, long count) {
    boolean next = asked.nextClear(walk) == first;
    asked.set(first, count);
    if (next) {
      walk = first + count;
    }
    return next;
  }

  private void add(PageRun page) {
    int last = runs.size() - 1;
    boolean follows =
        runs.size() > earlier.size()
            && runs.get(last).gpa() + runs.get(last).lengthBytes() == page.gpa()
            && pages.areWhole(
                runs.get(last).gpa(), runs.get(last).lengthBytes() + page.lengthBytes());
    if (follows) {
      PageRun before = runs.get(last);
      runs.set(last, new PageRun(before.gpa(), before.lengthBytes() + page.lengthBytes()));
      grown = true;
    } else if (runs.size() < WorkingSet.MOST_RUNS) {
      runs.add(page);
      grown = true;
    }
  }

  /**
   * Keeps the pages of the record together too, where that is worth it. That reads the snapshot,
   * which may take as long as a restore.
   *
   * @param progress told how far it is
   */
  public void pack(PackedPages.Progress progress) {
    if (packed == null || runs.isEmpty()) {
      return;
    }
    try {
      packed.add(runs, progress);
    } catch (IOException e) {
      warnings.accept("The working set cannot be packed. " + e.getMessage());
    }
  }

  /** Keeps the record with the snapshot, if it has more than there was. */
  public void keep() {
    if (!grown) {
      return;
    }
    try {
      file.replace(new WorkingSet(generation, runs).encode());
    } catch (IOException e) {
      warnings.accept("The working set cannot be kept with the snapshot. " + e.getMessage());
    }
  }
}
