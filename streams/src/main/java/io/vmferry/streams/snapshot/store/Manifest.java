package io.vmferry.streams.snapshot.store;

import io.vmferry.streams.snapshot.SnapshotException;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What a snapshot in a store is made of.
 *
 * @param name what it is called in its store
 * @param generation unique to this one snapshot
 * @param created when it was begun
 * @param parent the snapshot it was taken on top of, null if none was named
 * @param keyFingerprint which key it is encrypted with, null if none
 * @param chunkBytes size of a chunk
 * @param dataBytes bytes of memory that are in chunks, not zeros
 * @param storedBytes bytes that chunks of its memory added to its store
 * @param tables of the configuration, the state and each slot
 */
public record Manifest(
    String name,
    UUID generation,
    Instant created,
    @Nullable Parent parent,
    @Nullable String keyFingerprint,
    int chunkBytes,
    long dataBytes,
    long storedBytes,
    List<ChunkTable> tables) {

  /**
   * An earlier snapshot.
   *
   * @param generation tells it from others that had or will have its name
   */
  public record Parent(String name, UUID generation) {}

  /** Copies the list. */
  public Manifest {
    tables = List.copyOf(tables);
  }

  /** Size of the guest's memory in bytes: all slots together. */
  public long memoryBytes() {
    return tables.stream()
        .filter(table -> table.slot() >= 0)
        .mapToLong(ChunkTable::lengthBytes)
        .sum();
  }

  /** Whether it takes a key to read it. */
  public boolean isEncrypted() {
    return keyFingerprint != null;
  }

  /**
   * A table.
   *
   * @param slot a memslot, {@link ChunkTable#CONFIG} or {@link ChunkTable#STATE}
   * @throws SnapshotException if there is none
   */
  ChunkTable table(int slot) throws SnapshotException {
    for (ChunkTable table : tables) {
      if (table.slot() == slot) {
        return table;
      }
    }
    throw new SnapshotException("Snapshot " + name + " has no memory of slot " + slot + ".");
  }
}
