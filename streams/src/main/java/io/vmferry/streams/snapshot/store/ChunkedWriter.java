package io.vmferry.streams.snapshot.store;

import io.vmferry.streams.config.GuestRamMapping;
import io.vmferry.streams.pages.PageRun;
import io.vmferry.streams.snapshot.MemorySource;
import io.vmferry.streams.snapshot.SnapshotException;
import io.vmferry.streams.snapshot.SnapshotWriter;
import io.vmferry.streams.snapshot.Workers;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongConsumer;
import org.apache.pekko.util.ByteString;
import org.jspecify.annotations.Nullable;

/**
 * One snapshot on its way into a chunk store: only chunks that the store lacks are written. Several
 * threads read, compress, encrypt and write.
 *
 * <p>The store is locked from the first byte on, not while a VMM is waited for.
 */
public final class ChunkedWriter implements SnapshotWriter {
  // 4 MiB of the usual chunks: one question to a store that is far away, then up to 16 chunks.
  private static final int RUN_CHUNKS = 16;

  /**
   * How a snapshot is kept.
   *
   * @param parent the name of an earlier snapshot that is noted as its parent, null for none
   * @param compress whether chunks are compressed where that pays
   * @param key encrypts it, null if nothing does
   */
  public record Options(@Nullable String parent, boolean compress, @Nullable StoreKey key) {
    /** Compressed and not encrypted. */
    public static final Options DEFAULT = new Options(null, true, null);
  }

  private final ChunkStore store;
  private final String name;
  private final Options options;
  private final Manifest.@Nullable Parent parent;
  private final UUID generation = UUID.randomUUID();
  // As exact as a manifest has it.
  private final Instant created = Instant.now().truncatedTo(ChronoUnit.MILLIS);
  private final List<ChunkTable> tables = new ArrayList<>();
  private final LongAdder dataBytes = new LongAdder();
  private final LongAdder storedBytes = new LongAdder();
  // Guarded by this, as close comes from any thread.
  private @Nullable StoreUpload upload;
  private boolean closed;

  private ChunkedWriter(
      ChunkStore store, String name, Options options, Manifest.@Nullable Parent parent) {
    this.store = store;
    this.name = name;
    this.options = options;
    this.parent = parent;
  }

  /**
   * Begins.
   *
   * @param store stays open as long as this; the caller closes it
   * @throws SnapshotException if there is a snapshot of that name, no such parent, one of another
   *     key, or the store cannot be written to
   */
  public static ChunkedWriter begin(ChunkStore store, String name, Options options)
      throws IOException {
    SnapshotNames.check(name);
    // Said before a VMM has stopped for it.
    store.begin(name).close();
    return new ChunkedWriter(store, name, options, parent(store, options));
  }

  private static Manifest.@Nullable Parent parent(ChunkStore store, Options options)
      throws IOException {
    String named = options.parent();
    if (named == null) {
      return null;
    }
    SnapshotNames.check(named);
    Manifest manifest = ManifestFormat.decode(named, store.manifest(named), options.key());
    return new Manifest.Parent(named, manifest.generation());
  }

  private synchronized StoreUpload upload() throws IOException {
    if (closed) {
      throw new SnapshotException("The snapshot was given up.");
    }
    if (upload == null) {
      upload = store.begin(name);
    }
    return upload;
  }

  @Override
  public void config(ByteString json) throws IOException {
    blob(ChunkTable.CONFIG, json);
  }

  @Override
  public void state(ByteString json) throws IOException {
    blob(ChunkTable.STATE, json);
  }

  private void blob(int slot, ByteString bytes) throws IOException {
    ChunkTable table = new ChunkTable(slot, bytes.size(), store.chunkBytes());
    ByteBuffer chunk = ByteBuffer.allocateDirect(store.chunkBytes());
    try (ChunkPacker packer = packer(1)) {
      for (int i = 0; i < table.chunks(); i++) {
        int start = i * store.chunkBytes();
        bytes.slice(start, start + table.lengthOf(i)).copyToBuffer(chunk.clear());
        packer.pack(chunk.flip(), i, table);
      }
    }
    add(table);
  }

  /** A manifest with two of one slot could not be read. */
  private void add(ChunkTable table) {
    if (tables.stream().anyMatch(other -> other.slot() == table.slot())) {
      throw new IllegalStateException("slot " + table.slot() + " was written before");
    }
    tables.add(table);
  }

  private ChunkPacker packer(int chunks) throws IOException {
    return new ChunkPacker(upload(), store.chunkBytes(), chunks, options.compress(), options.key());
  }

  @Override
  public void memory(GuestRamMapping slot, MemorySource source, LongConsumer progress)
      throws IOException {
    ChunkTable table = table(slot);
    ChunkRuns runs = new ChunkRuns(source, store.chunkBytes(), RUN_CHUNKS, progress);
    upload();
    Workers.run(Workers.count(), "store-chunks", () -> pack(source, runs, table, progress));
    if (!source.isWhole()) {
      throw new SnapshotException("The file of the memory became shorter while it was read.");
    }
    add(table);
  }

  private ChunkTable table(GuestRamMapping slot) throws SnapshotException {
    try {
      return new ChunkTable(slot.slot(), slot.size(), store.chunkBytes());
    } catch (IllegalArgumentException e) {
      throw new SnapshotException(
          "Slot " + slot.slot() + " has more memory than a snapshot in a store can have.", e);
    }
  }

  private void pack(MemorySource source, ChunkRuns runs, ChunkTable table, LongConsumer progress)
      throws IOException {
    try (ChunkPacker packer = packer(RUN_CHUNKS)) {
      for (PageRun run = runs.take(); run != null; run = runs.take()) {
        packer.pack(source, run, table);
        progress.accept(run.lengthBytes());
      }
      dataBytes.add(packer.dataBytes());
      storedBytes.add(packer.storedBytes());
    } finally {
      runs.stop(); // After a failure the others need not go on.
    }
  }

  @Override
  public long storedBytes() {
    return storedBytes.sum();
  }

  /** Bytes of memory that are not zeros, by chunks. */
  public long dataBytes() {
    return dataBytes.sum();
  }

  @Override
  public void commit() throws IOException {
    StoreKey key = options.key();
    Manifest manifest =
        new Manifest(
            name,
            generation,
            created,
            parent,
            key == null ? null : key.fingerprint(),
            store.chunkBytes(),
            dataBytes.sum(),
            storedBytes.sum(),
            tables);
    upload().commit(ManifestFormat.encode(manifest, key));
  }

  @Override
  public void close() {
    StoreUpload open;
    synchronized (this) {
      closed = true;
      open = upload;
    }
    if (open != null) {
      open.close();
    }
  }
}
