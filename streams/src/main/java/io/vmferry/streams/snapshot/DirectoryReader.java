package io.vmferry.streams.snapshot;

import io.vmferry.kvm.Errno;
import io.vmferry.kvm.SyscallException;
import io.vmferry.kvm.memory.SparseFile;
import io.vmferry.streams.config.GuestRamMapping;
import io.vmferry.streams.config.VmMigrationConfig;
import io.vmferry.streams.wire.ProtocolException;
import io.vmferry.streams.wire.WireLimits;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.UUID;
import org.apache.pekko.util.ByteString;

/**
 * A snapshot in a directory, opened: everything it must have is there and as long as it says.
 *
 * <p>Source: docs/snapshots.md#dir.
 */
public final class DirectoryReader implements SnapshotReader {
  private final VmMigrationConfig config;
  private final ByteString state;
  private final Map<Integer, SparseFile> memory = new TreeMap<>();
  private final Map<Integer, FileTime> written = new TreeMap<>();
  private final WorkingSetFile workingSet;

  private DirectoryReader(Path directory, VmMigrationConfig config, ByteString state) {
    this.workingSet = new ReplacedFile(SnapshotFiles.workingSet(directory), WorkingSet.MOST_BYTES);
    this.config = config;
    this.state = state;
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
    DirectoryReader reader = new DirectoryReader(directory, config, state);
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
    SparseFile file;
    try {
      file = SparseFile.open(path);
      memory.put(slot.slot(), file);
      written.put(slot.slot(), Files.getLastModifiedTime(path));
    } catch (SyscallException e) {
      throw unreadable(path, e);
    } catch (IOException e) {
      throw new SnapshotException("File " + path + " cannot be read.", e);
    }
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

  /**
   * A digest over the configuration, the state, and the lengths and times of the memory files:
   * reading these would take as long as the restore.
   */
  @Override
  public UUID generation() {
    MessageDigest digest = sha256();
    for (ByteString part : List.of(config.raw(), state)) {
      digest.update(ByteBuffer.allocate(Long.BYTES).putLong(0, part.size()));
      digest.update(part.asByteBuffer());
    }
    memory.forEach(
        (slot, file) -> {
          Instant time = Objects.requireNonNull(written.get(slot)).toInstant();
          ByteBuffer facts = ByteBuffer.allocate(2 * Integer.BYTES + 2 * Long.BYTES);
          facts.putInt(slot).putLong(file.sizeBytes());
          digest.update(facts.putLong(time.getEpochSecond()).putInt(time.getNano()).flip());
        });
    ByteBuffer bytes = ByteBuffer.wrap(digest.digest());
    return new UUID(bytes.getLong(), bytes.getLong());
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }

  @Override
  public WorkingSetFile workingSet() {
    return workingSet;
  }

  @Override
  public void close() {
    memory.values().forEach(SparseFile::close);
  }
}
