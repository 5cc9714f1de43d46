package io.vmferry.streams.snapshot.store;

import io.vmferry.streams.config.GuestRamMapping;
import io.vmferry.streams.pages.PageRun;
import io.vmferry.streams.snapshot.MemorySource;
import io.vmferry.streams.snapshot.PackedPages;
import io.vmferry.streams.snapshot.SnapshotException;
import io.vmferry.streams.snapshot.Workers;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * The working set of a snapshot in a chunk store, packed: its pages in chunks of their own, sealed
 * as any, with a {@link PackTable} that says where each is. They are read out of the snapshot,
 * never out of a guest's memory, which the guest may have changed.
 */
final class StorePack implements PackedPages {
  // Fewer wait until there are more.
  private static final long LEAST_BYTES = 64 << 10;
  // What would be read to find them, over what is wanted: less is not worth the room.
  private static final int WORTH = 2;
  // So many pages are read by address, each chunk once, and held in memory meanwhile.
  private static final long PART_BYTES = 32 << 20;

  private final PackFiles files;
  private final UUID generation;
  private final @Nullable StoreKey key;
  private final List<GuestRamMapping> slots;
  private final Map<Integer, MemorySource> memory;
  private final ChunkCache chunks;
  // Null until it is read. Guarded by this.
  private @Nullable PackTable table;
  private volatile boolean damaged;

  /**
   * A pack.
   *
   * @param slots of the guest
   * @param memory of the snapshot, by slot; stays open as long as this
   */
  StorePack(
      PackFiles files,
      UUID generation,
      @Nullable StoreKey key,
      List<GuestRamMapping> slots,
      Map<Integer, MemorySource> memory) {
    this.files = files;
    this.generation = generation;
    this.key = key;
    this.slots = slots;
    this.memory = memory;
    this.chunks = new ChunkCache(files, key);
  }

  @Override
  public List<Piece> pieces() throws IOException {
    return table().pieces();
  }

  private synchronized PackTable table() throws IOException {
    PackTable known = table;
    if (known == null) {
      byte[] file = files.table().read();
      try {
        known =
            file == null ? PackTable.empty(generation) : PackTable.decode(file, generation, key);
      } catch (SnapshotException e) {
        damaged = true;
        throw e;
      }
      table = known;
    }
    return known;
  }

  @Override
  public void read(Piece piece, ByteBuffer into) throws IOException {
    ChunkName name = table().names().get(piece.index());
    try {
      chunks.read(name, piece.lengthBytes(), 0, into.duplicate());
    } catch (SnapshotException e) {
      damaged = true;
      throw e;
    }
  }

  @Override
  public void add(List<PageRun> runs, Progress progress) throws IOException {
    PackTable before = damaged ? PackTable.empty(generation) : table();
    long kept = keptBytes(before, runs);
    if (kept < 0) {
      // The record was begun anew.
      before = PackTable.empty(generation);
      kept = 0;
    }
    List<Piece> fresh =
        cut(behind(runs, kept), before.pieces().size(), PackTable.MOST_PAGE_BYTES - kept);
    if (!pays(fresh)) {
      return;
    }
    progress.begins(lengthBytes(fresh));
    List<Piece> pieces = new ArrayList<>(before.pieces());
    pieces.addAll(fresh);
    List<ChunkName> names = new ArrayList<>(before.names());
    try (ChunkSealer sealer = new ChunkSealer(files.chunkBytes(), true, key)) {
      for (List<Piece> part : parts(fresh)) {
        names.addAll(pack(part, sealer));
        progress.done(lengthBytes(part));
      }
    }
    PackTable grown = new PackTable(generation, pieces, names);
    if (grown.fits()) {
      files.table().replace(grown.encode(key));
      synchronized (this) {
        table = grown;
      }
      damaged = false;
    }
  }

  /** How much of the runs a table has; -1 if it is not their beginning. */
  private static long keptBytes(PackTable table, List<PageRun> runs) {
    Iterator<PageRun> all = runs.iterator();
    long kept = 0;
    long gpa = 0;
    long left = 0;
    for (PageRun run : table.runs()) {
      if (left == 0 && all.hasNext()) {
        PageRun next = all.next();
        gpa = next.gpa();
        left = next.lengthBytes();
      }
      if (run.gpa() != gpa || run.lengthBytes() > left) {
        return -1;
      }
      gpa += run.lengthBytes();
      left -= run.lengthBytes();
      kept += run.lengthBytes();
    }
    return kept;
  }

  private static List<PageRun> behind(List<PageRun> runs, long bytes) {
    List<PageRun> rest = new ArrayList<>();
    long skip = bytes;
    for (PageRun run : runs) {
      if (skip < run.lengthBytes()) {
        rest.add(skip == 0 ? run : run.tail(skip));
        skip = 0;
      } else {
        skip -= run.lengthBytes();
      }
    }
    return rest;
  }

  private List<Piece> cut(List<PageRun> runs, int first, long most) {
    int pieceBytes = Math.min(PIECE_BYTES, files.chunkBytes());
    List<Piece> pieces = new ArrayList<>();
    List<PageRun> piece = new ArrayList<>();
    long room = pieceBytes;
    long left = most;
    for (PageRun run : runs) {
      if (run.lengthBytes() > left) {
        break;
      }
      left -= run.lengthBytes();
      for (PageRun rest = run; rest != null; ) {
        long bytes = Math.min(room, rest.lengthBytes());
        piece.add(rest.head(bytes));
        rest = bytes == rest.lengthBytes() ? null : rest.tail(bytes);
        room -= bytes;
        if (room == 0) {
          pieces.add(new Piece(first + pieces.size(), piece));
          piece.clear();
          room = pieceBytes;
        }
      }
    }
    if (!piece.isEmpty()) {
      pieces.add(new Piece(first + pieces.size(), piece));
    }
    return pieces;
  }

  private static long lengthBytes(List<Piece> pieces) {
    return pieces.stream().mapToLong(Piece::lengthBytes).sum();
  }

  private boolean pays(List<Piece> pieces) {
    long wanted = lengthBytes(pieces);
    Set<Long> chunks = new HashSet<>();
    for (Piece piece : pieces) {
      for (PageRun run : piece.runs()) {
        long last = (run.gpa() + run.lengthBytes() - 1) / files.chunkBytes();
        for (long chunk = run.gpa() / files.chunkBytes(); chunk <= last; chunk++) {
          chunks.add(chunk);
        }
      }
    }
    return wanted >= LEAST_BYTES && chunks.size() * (long) files.chunkBytes() >= WORTH * wanted;
  }

  private static List<List<Piece>> parts(List<Piece> pieces) {
    int most = (int) (PART_BYTES / PIECE_BYTES);
    List<List<Piece>> parts = new ArrayList<>();
    for (int at = 0; at < pieces.size(); at += most) {
      parts.add(pieces.subList(at, Math.min(pieces.size(), at + most)));
    }
    return parts;
  }

  /** Where a run's bytes go. */
  private record Target(PageRun run, int at) {}

  private List<ChunkName> pack(List<Piece> part, ChunkSealer sealer) throws IOException {
    List<Target> targets = new ArrayList<>();
    int length = 0;
    for (Piece piece : part) {
      for (PageRun run : piece.runs()) {
        targets.add(new Target(run, length));
        length += (int) run.lengthBytes();
      }
    }
    targets.sort(Comparator.comparingLong(target -> target.run().gpa()));
    ByteBuffer bytes = ByteBuffer.allocateDirect(length);
    Iterator<Target> all = targets.iterator();
    Workers.run(Workers.count(), "pack-pages", () -> readAll(all, bytes));
    ChunkDigest digest = new ChunkDigest(key);
    List<ChunkName> names = new ArrayList<>();
    int at = 0;
    for (Piece piece : part) {
      ByteBuffer plain = bytes.slice(at, piece.lengthBytes());
      ChunkName name = digest.of(plain);
      files.write(name, sealer.seal(name, plain));
      names.add(name);
      at += piece.lengthBytes();
    }
    return names;
  }

  private void readAll(Iterator<Target> targets, ByteBuffer bytes) throws IOException {
    for (Target next = Workers.next(targets); next != null; next = Workers.next(targets)) {
      PageRun run = next.run();
      GuestRamMapping slot = slotOf(run);
      MemorySource source = memory.get(slot.slot());
      if (source == null) {
        throw new IllegalArgumentException("no slot " + slot.slot());
      }
      source.readAt(run.gpa() - slot.gpa(), bytes.slice(next.at(), (int) run.lengthBytes()));
    }
  }

  private GuestRamMapping slotOf(PageRun run) {
    for (GuestRamMapping slot : slots) {
      if (run.gpa() >= slot.gpa() && run.gpa() - slot.gpa() < slot.size()) {
        return slot;
      }
    }
    throw new IllegalArgumentException("no slot at " + run);
  }

  /** Frees what reading took. */
  void close() {
    chunks.close();
  }
}
