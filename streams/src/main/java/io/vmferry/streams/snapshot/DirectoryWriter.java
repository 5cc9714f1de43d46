package io.vmferry.streams.snapshot;

import io.vmferry.kvm.SyscallException;
import io.vmferry.kvm.memory.Exchange;
import io.vmferry.kvm.memory.SparseFile;
import io.vmferry.streams.config.GuestRamMapping;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongConsumer;
import org.apache.pekko.util.ByteString;
import org.jspecify.annotations.Nullable;

/**
 * One snapshot on its way into a directory: written beside it, durable, then put in its place in
 * one step. Until {@link #commit} returns the directory is what it was; a snapshot that was there
 * is kept until then.
 *
 * <p>Beside {@code D} that is {@code .D.partial}, and a lock: what a killed process left there is
 * removed by the next one, and two that write to the same directory exclude each other.
 *
 * <p>One thread at a time, but for {@link #close}. Source: docs/snapshots.md#dir.
 */
public final class DirectoryWriter implements SnapshotWriter {
  private final Path target;
  private final Path partial;
  private final FileLocks lock;
  private long storedBytes;
  private boolean ended;

  private DirectoryWriter(Path target, Path partial, FileLocks lock) {
    this.target = target;
    this.partial = partial;
    this.lock = lock;
  }

  /**
   * Begins; directories above the target are made.
   *
   * @param target what does not exist, an empty directory, or one that holds a snapshot
   * @throws SnapshotException if there is something else, it cannot be written, or somebody writes
   *     there now
   */
  public static DirectoryWriter begin(Path target) throws SnapshotException {
    Path absolute = target.toAbsolutePath().normalize();
    Path name = absolute.getFileName();
    Path parent = absolute.getParent();
    if (name == null || parent == null) {
      throw new SnapshotException("A snapshot cannot be written to " + target + ".");
    }
    Path partial = parent.resolve("." + name + ".partial");
    try {
      requireReplaceable(absolute);
      Files.createDirectories(parent);
      FileLocks lock = FileLocks.takeTemporary(parent.resolve("." + name + ".partial.lock"));
      if (lock == null) {
        throw new SnapshotException("Another snapshot is being written to " + target + " now.");
      }
      try {
        removeIfThere(partial);
        Files.createDirectory(partial);
        return new DirectoryWriter(absolute, partial, lock);
      } catch (IOException e) {
        lock.close();
        throw e;
      }
    } catch (IOException e) {
      throw WriteFailures.of(String.valueOf(parent), e);
    }
  }

  private static void requireReplaceable(Path target) throws IOException {
    if (!Files.exists(target)) {
      return;
    }
    if (!Files.isDirectory(target)) {
      throw new SnapshotException("There is a file " + target + "; name a directory.");
    }
    for (Path file : list(target)) {
      if (!SnapshotFiles.isOne(String.valueOf(file.getFileName()))) {
        throw new SnapshotException(
            "Directory "
                + target
                + " holds "
                + file.getFileName()
                + ", which is no part of a snapshot; name another directory.");
      }
    }
  }

  /** Of a snapshot, whole or not: there are no directories in it. */
  private static void removeIfThere(Path directory) throws IOException {
    if (Files.exists(directory)) {
      for (Path file : list(directory)) {
        Files.delete(file);
      }
      Files.delete(directory);
    }
  }

  private static List<Path> list(Path directory) throws IOException {
    List<Path> all = new ArrayList<>();
    try (DirectoryStream<Path> files = Files.newDirectoryStream(directory)) {
      files.forEach(all::add);
    }
    return all;
  }

  @Override
  public void config(ByteString json) throws SnapshotException {
    write(SnapshotFiles.config(partial), json);
  }

  @Override
  public void state(ByteString json) throws SnapshotException {
    write(SnapshotFiles.state(partial), json);
  }

  private void write(Path path, ByteString bytes) throws SnapshotException {
    try (SparseFile file = SparseFile.create(path, bytes.size())) {
      ByteBuffer copy = ByteBuffer.allocateDirect(bytes.size());
      bytes.copyToBuffer(copy);
      file.writeAt(0, copy.flip());
      file.sync();
    } catch (SyscallException e) {
      throw failure(e);
    }
  }

  @Override
  public void memory(GuestRamMapping slot, MemorySource source, LongConsumer progress)
      throws SnapshotException {
    try (SparseFile file =
        SparseFile.create(SnapshotFiles.memory(partial, slot.slot()), slot.size())) {
      storedBytes += SparseCopy.copy(source, file::writeAt, 0, progress);
      file.sync();
    } catch (IOException e) {
      throw failure(e);
    }
  }

  @Override
  public long storedBytes() {
    return storedBytes;
  }

  @Override
  public synchronized void commit() throws SnapshotException {
    if (ended) {
      throw new SnapshotException("The snapshot was given up.");
    }
    try {
      DirectorySync.sync(partial);
      place();
      Path parent = target.getParent();
      if (parent != null) {
        DirectorySync.sync(parent);
      }
      ended = true;
      removeIfThere(partial); // after an exchange the old snapshot is there
      lock.close();
    } catch (IOException e) {
      throw failure(e);
    }
  }

  private void place() throws IOException {
    if (Files.exists(target) && !list(target).isEmpty()) {
      Exchange.names(partial, target);
    } else {
      Files.move(partial, target, StandardCopyOption.ATOMIC_MOVE);
    }
  }

  private SnapshotException failure(IOException cause) {
    return WriteFailures.of(String.valueOf(target.getParent()), cause);
  }

  @Override
  public synchronized void close() {
    if (ended) {
      return;
    }
    ended = true;
    IOException failure = null;
    try {
      removeIfThere(partial);
      lock.close();
    } catch (IOException e) {
      failure = e;
    }
    report(failure);
  }

  private static void report(@Nullable IOException failure) {
    if (failure != null) {
      // What is left is removed by the next snapshot to the same directory.
      System.getLogger(DirectoryWriter.class.getName())
          .log(System.Logger.Level.WARNING, "A partial snapshot could not be removed", failure);
    }
  }
}
