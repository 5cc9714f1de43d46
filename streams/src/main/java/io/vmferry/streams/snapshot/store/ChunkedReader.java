package io.vmferry.streams.snapshot.store;

import io.vmferry.streams.config.GuestRamMapping;
import io.vmferry.streams.config.VmMigrationConfig;
import io.vmferry.streams.snapshot.MemorySource;
import io.vmferry.streams.snapshot.PackedPages;
import io.vmferry.streams.snapshot.SnapshotException;
import io.vmferry.streams.snapshot.SnapshotReader;
import io.vmferry.streams.snapshot.WorkingSetFile;
import io.vmferry.streams.wire.ProtocolException;
import io.vmferry.streams.wire.WireLimits;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import org.apache.pekko.util.ByteString;
import org.jspecify.annotations.Nullable;

/**
 * A snapshot in a chunk store, opened. Every chunk is checked against its name each time it is
 * read, and the names against the manifest's digest.
 */
public final class ChunkedReader implements SnapshotReader {
  private final ChunkStore store;
  private final Manifest manifest;
  private final ChunkStore.Hold hold;
  private final ChunkCache chunks;
  private final VmMigrationConfig config;
  private final ByteString state;
  private final Map<Integer, MemorySource> memory;
  private final StorePack pack;

  private ChunkedReader(
      ChunkStore store,
      Manifest manifest,
      ChunkStore.Hold hold,
      ChunkCache chunks,
      VmMigrationConfig config,
      ByteString state,
      Map<Integer, MemorySource> memory,
      StorePack pack) {
    this.store = store;
    this.manifest = manifest;
    this.hold = hold;
    this.chunks = chunks;
    this.config = config;
    this.state = state;
    this.memory = memory;
    this.pack = pack;
  }

  /**
   * Opens a snapshot; it cannot be removed until this is closed.
   *
   * @param store stays open as long as this; the caller closes it
   * @param key null for a snapshot that is not encrypted
   * @throws SnapshotException if there is none of that name, it was written with another key, or
   *     something of it is damaged
   */
  public static ChunkedReader open(ChunkStore store, String name, @Nullable StoreKey key)
      throws IOException {
    SnapshotNames.check(name);
    ChunkStore.Hold hold = store.hold(name);
    ChunkCache chunks = new ChunkCache(store, key);
    try {
      Manifest manifest = ManifestFormat.decode(name, store.manifest(name), key);
      if (manifest.chunkBytes() != store.chunkBytes()) {
        throw new SnapshotException(
            "Snapshot "
                + name
                + " has chunks of another size than store "
                + store.location()
                + ".");
      }
      VmMigrationConfig config = config(manifest, chunks);
      ByteString state = blob(manifest, ChunkTable.STATE, WireLimits.STATE_BYTES, chunks);
      Map<Integer, MemorySource> memory = new TreeMap<>();
      for (GuestRamMapping slot : config.mappings()) {
        memory.put(slot.slot(), memory(manifest, slot, chunks));
      }
      UUID generation = manifest.generation();
      StorePack pack =
          new StorePack(store.pack(generation), generation, key, config.mappings(), memory);
      return new ChunkedReader(store, manifest, hold, chunks, config, state, memory, pack);
    } catch (IOException e) {
      chunks.close();
      hold.close();
      throw e;
    }
  }

  private static VmMigrationConfig config(Manifest manifest, ChunkCache chunks) throws IOException {
    ByteString json = blob(manifest, ChunkTable.CONFIG, WireLimits.CONFIG_BYTES, chunks);
    try {
      return VmMigrationConfig.parse(json);
    } catch (ProtocolException e) {
      throw new SnapshotException(
          "What snapshot " + manifest.name() + " has as configuration is not a guest's.", e);
    }
  }

  private static ByteString blob(Manifest manifest, int slot, long most, ChunkCache chunks)
      throws IOException {
    ChunkTable table = manifest.table(slot);
    if (table.lengthBytes() > most) {
      throw new SnapshotException(
          "The configuration or state of snapshot "
              + manifest.name()
              + " has "
              + table.lengthBytes()
              + " bytes, more than the "
              + most
              + " it may have.");
    }
    ByteBuffer bytes = ByteBuffer.allocateDirect((int) table.lengthBytes());
    new ChunkMemory(table, manifest.chunkBytes(), chunks).readAt(0, bytes);
    return ByteString.fromByteBuffer(bytes.flip());
  }

  private static MemorySource memory(Manifest manifest, GuestRamMapping slot, ChunkCache chunks)
      throws SnapshotException {
    ChunkTable table = manifest.table(slot.slot());
    if (table.lengthBytes() != slot.size()) {
      throw new SnapshotException(
          "Slot "
              + slot.slot()
              + " of snapshot "
              + manifest.name()
              + " has "
              + table.lengthBytes()
              + " bytes of memory; its configuration says "
              + slot.size()
              + ".");
    }
    return new ChunkMemory(table, manifest.chunkBytes(), chunks);
  }

  /** What the snapshot is made of. */
  public Manifest manifest() {
    return manifest;
  }

  @Override
  public VmMigrationConfig config() {
    return config;
  }

  @Override
  public ByteString state() {
    return state;
  }

  @Override
  public MemorySource memory(GuestRamMapping slot) {
    MemorySource source = memory.get(slot.slot());
    if (source == null) {
      throw new IllegalArgumentException("no slot " + slot.slot() + " in this snapshot");
    }
    return source;
  }

  @Override
  public UUID generation() {
    return manifest.generation();
  }

  @Override
  public WorkingSetFile workingSet() {
    return store.workingSet(manifest.generation());
  }

  @Override
  public PackedPages packedPages() {
    return pack;
  }

  @Override
  public void close() {
    pack.close();
    chunks.close();
    hold.close();
  }
}
