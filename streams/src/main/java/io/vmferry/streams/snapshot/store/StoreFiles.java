package io.vmferry.streams.snapshot.store;

import io.vmferry.kvm.Errno;
import io.vmferry.kvm.SyscallException;
import io.vmferry.kvm.memory.FileSystemSync;
import io.vmferry.kvm.memory.SparseFile;
import io.vmferry.streams.snapshot.SnapshotException;
import io.vmferry.streams.snapshot.WriteFailures;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.UUID;

/**
 * What lies where in a store's directory.
 *
 * <p>Source: docs/snapshots.md#chunked.
 */
final class StoreFiles {
  /** Of chunks, by the first byte of their names. */
  static final int PREFIXES = 256;

  /** What the name of a generation's pack ends in. */
  static final String PACK = ".pack";

  private final Path directory;

  StoreFiles(Path directory) {
    this.directory = directory.toAbsolutePath().normalize();
  }

  Path directory() {
    return directory;
  }

  Path description() {
    return directory.resolve("store.json");
  }

  Path lock() {
    return directory.resolve("lock");
  }

  Path chunks() {
    return directory.resolve("chunks");
  }

  Path chunks(int prefix) {
    return chunks().resolve(String.format("%02x", prefix));
  }

  Path chunk(ChunkName name) {
    return chunk(name.toString());
  }

  Path chunk(String name) {
    return chunks().resolve(name.substring(0, 2)).resolve(name);
  }

  Path snapshots() {
    return directory.resolve("snapshots");
  }

  Path manifest(String name) {
    return snapshots().resolve(name);
  }

  Path workingSets() {
    return directory.resolve("working-sets");
  }

  Path workingSet(UUID generation) {
    return workingSets().resolve(generation.toString());
  }

  /** Of the pages of a working set; no generation is called so. */
  Path pack(UUID generation) {
    return workingSets().resolve(generation + PACK);
  }

  Path staging() {
    return directory.resolve("staging");
  }

  /** Makes a file, and its bytes durable; its name is not yet. */
  static void write(Path path, byte[] bytes) throws IOException {
    ByteBuffer copy = ByteBuffer.allocateDirect(bytes.length).put(bytes).flip();
    try (SparseFile file = SparseFile.create(path, bytes.length)) {
      file.writeAt(0, copy);
      file.sync();
    }
  }

  /**
   * Reads the file of a chunk.
   *
   * @see ChunkFiles#read
   */
  void read(Path path, ChunkName name, ByteBuffer into) throws IOException {
    try (SparseFile file = SparseFile.open(path)) {
      if (file.sizeBytes() > into.remaining()) {
        throw new SnapshotException(
            "Chunk " + name + " in store " + directory + " is damaged: its file is too long.");
      }
      file.readAt(0, into.limit(into.position() + (int) file.sizeBytes()));
    } catch (SyscallException e) {
      throw new SnapshotException(
          "Chunk "
              + name
              + " in store "
              + directory
              + (e.errno() == Errno.ENOENT ? " is missing." : " cannot be read."),
          e);
    }
  }

  /** Opened before what is to be synced is written. */
  FileSystemSync fileSystem() throws IOException {
    return FileSystemSync.of(directory);
  }

  static SnapshotException cannotWrite(StoreFiles files, IOException cause) {
    return WriteFailures.of("store " + files.directory, cause);
  }
}
