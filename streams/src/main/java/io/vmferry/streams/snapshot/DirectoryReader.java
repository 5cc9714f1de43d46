package io.vmferry.streams.snapshot;

import io.vmferry.kvm.Errno;
import io.vmferry.kvm.SyscallException;
import io.vmferry.kvm.memory.SparseFile;
import io.vmferry.streams.config.GuestRamMapping;
import io.vmferry.streams.config.VmMigrationConfig;
import io.vmferry.streams.wire.ProtocolException;
import io.vmferry.streams.wire.WireLimits;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import org.apache.pekko.util.ByteString;

/**
 * A snapshot in a directory, opened: everything it must have is there and as long as it says.
 *
 * <p>Source: docs/snapshots.md#dir.
 */
public final class DirectoryReader implements SnapshotReader {
  private final VmMigrationConfig config;
  private final ByteString state;
  private final Map<Integer, SparseFile> memory;

  private DirectoryReader(
      VmMigrationConfig config, ByteString state, Map<Integer, SparseFile> memory) {
    this.config = config;
    this.state = state;
    this.memory = memory;
  }

  /**
   * Opens a snapshot.
   *
   * @throws SnapshotException if something of it is missing, too long or too short
   */
  public static DirectoryReader open(Path directory) throws SnapshotException {
    ByteString configuration = read(SnapshotFiles.config(directory), WireLimits.CONFIG_BYTES);
    VmMigrationConfig config;
    try {
      config = VmMigrationConfig.parse(configuration);
    } catch (ProtocolException e) {
      throw new SnapshotException(
          "File " + SnapshotFiles.config(directory) + " is not a guest's configuration.", e);
    }
    ByteString state = read(SnapshotFiles.state(directory), WireLimits.STATE_BYTES);
    DirectoryReader reader = new DirectoryReader(config, state, new TreeMap<>());
    try {
      for (GuestRamMapping slot : config.mappings()) {
        reader.open(SnapshotFiles.memory(directory, slot.slot()), slot);
      }
      return reader;
    } catch (SnapshotException e) {
      reader.close();
      throw e;
    }
  }

  private static ByteString read(Path path, long most) throws SnapshotException {
    try (SparseFile file = SparseFile.open(path)) {
      if (file.sizeBytes() > most) {
        throw new SnapshotException(
            "File "
                + path
                + " has "
                + file.sizeBytes()
                + " bytes, more than the "
                + most
                + " it may have.");
      }
      ByteBuffer bytes = ByteBuffer.allocateDirect((int) file.sizeBytes());
      file.readAt(0, bytes);
      return ByteString.fromByteBuffer(bytes.flip());
    } catch (SyscallException e) {
      throw unreadable(path, e);
    }
  }

  private void open(Path path, GuestRamMapping slot) throws SnapshotException {
    try {
      SparseFile file = SparseFile.open(path);
      memory.put(slot.slot(), file);
      if (file.sizeBytes() != slot.size()) {
        throw new SnapshotException(
            "File "
                + path
                + " has "
                + file.sizeBytes()
                + " bytes; its slot has "
                + slot.size()
                + ".");
      }
    } catch (SyscallException e) {
      throw unreadable(path, e);
    }
  }

  private static SnapshotException unreadable(Path path, SyscallException cause) {
    return new SnapshotException(
        switch (cause.errno()) {
          case Errno.ENOENT ->
              "File " + path + " does not exist: there is no whole snapshot there.";
          case Errno.EACCES -> "There is no permission to read " + path + ".";
          default -> "File " + path + " cannot be read.";
        },
        cause);
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
    SparseFile file = memory.get(slot.slot());
    if (file == null) {
      throw new IllegalArgumentException("no slot " + slot.slot() + " in this snapshot");
    }
    return new FileMemory(file, 0, slot.size());
  }

  @Override
  public void close() {
    memory.values().forEach(SparseFile::close);
  }
}
