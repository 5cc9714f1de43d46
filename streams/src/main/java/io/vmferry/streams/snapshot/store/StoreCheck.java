package io.vmferry.streams.snapshot.store;

import io.vmferry.streams.snapshot.SnapshotException;
import io.vmferry.streams.snapshot.Workers;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Reads all that snapshots need and says what of it is not as it was written. A chunk that several
 * have is read once. One thread.
 */
public final class StoreCheck {
  private final ChunkStore store;
  private final @Nullable StoreKey key;
  private final LongConsumer progress;
  // Some 100 bytes of heap each.
  private final Set<ChunkName> seen = ConcurrentHashMap.newKeySet();
  private final LongAdder checked = new LongAdder();
  private final List<String> problems = new ArrayList<>();

  /**
   * A check.
   *
   * @param key null if the snapshots are not encrypted
   * @param progress told how many bytes of memory are checked, from several threads
   */
  public StoreCheck(ChunkStore store, @Nullable StoreKey key, LongConsumer progress) {
    this.store = store;
    this.key = key;
    this.progress = progress;
  }

  /**
   * Checks a snapshot and adds what is wrong to {@link #problems}.
   *
   * @throws IOException if the store itself cannot be read
   */
  public void check(String name) throws IOException {
    try (ChunkedReader reader = ChunkedReader.open(store, name, key)) {
      for (ChunkTable table : reader.manifest().tables()) {
        AtomicInteger next = new AtomicInteger();
        Workers.run(Workers.count(), "check-chunks", () -> check(table, next));
      }
    } catch (SnapshotException e) {
      problem(String.valueOf(e.getMessage()));
    }
  }

  private void check(ChunkTable table, AtomicInteger next) throws IOException {
    try (ChunkOpener opener = new ChunkOpener(store, key)) {
      ByteBuffer plain = ByteBuffer.allocateDirect(store.chunkBytes());
      int chunk = next.getAndIncrement();
      while (chunk < table.chunks()) {
        ChunkName name = table.name(chunk);
        if (!name.isZeros() && seen.add(name)) {
          read(opener, name, plain.clear().limit(table.lengthOf(chunk)));
        }
        if (table.slot() >= 0) {
          progress.accept(table.lengthOf(chunk));
        }
        chunk = next.getAndIncrement();
      }
    }
  }

  private void read(ChunkOpener opener, ChunkName name, ByteBuffer plain) throws IOException {
    try {
      opener.read(name, plain);
      checked.increment();
    } catch (SnapshotException e) {
      problem(String.valueOf(e.getMessage()));
    }
  }

  private void problem(String sentence) {
    synchronized (problems) {
      problems.add(sentence);
    }
  }

  /** Chunks that are as they were written. */
  public long checkedChunks() {
    return checked.sum();
  }

  /** One sentence for each thing that is wrong. */
  public List<String> problems() {
    synchronized (problems) {
      return List.copyOf(problems);
    }
  }
}
