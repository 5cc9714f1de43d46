package io.vmferry.streams.snapshot;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.jspecify.annotations.Nullable;

/**
 * A lock on a file that is there for nothing else: gone with its process, however that ends.
 *
 * @see <a href="https://man7.org/linux/man-pages/man2/fcntl.2.html">fcntl(2), advisory record
 *     locks</a>: it excludes open file description locks of other processes too
 */
public final class FileLocks implements AutoCloseable {
  private final Path path;
  private final FileChannel channel;
  private final boolean removed;

  private FileLocks(Path path, FileChannel channel, boolean removed) {
    this.path = path;
    this.channel = channel;
    this.removed = removed;
  }

  /**
   * Takes the lock of a file that stays.
   *
   * @return null if somebody else has it
   */
  public static @Nullable FileLocks take(Path path) throws IOException {
    return take(path, false);
  }

  /**
   * Takes the lock of a file that is removed with it.
   *
   * @return null if somebody else has it
   */
  static @Nullable FileLocks takeTemporary(Path path) throws IOException {
    return take(path, true);
  }

  private static @Nullable FileLocks take(Path path, boolean removed) throws IOException {
    while (true) {
      FileChannel channel =
          FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      if (!locked(channel)) {
        channel.close();
        return null;
      }
      // Who had a temporary one before may have removed it between: then this one has no name.
      if (!removed || isAt(path, channel)) {
        return new FileLocks(path, channel, removed);
      }
      channel.close();
    }
  }

  private static boolean isAt(Path path, FileChannel channel) throws IOException {
    String mark = ProcessHandle.current().pid() + " " + System.nanoTime();
    channel.write(StandardCharsets.US_ASCII.encode(mark));
    try {
      return Files.readString(path, StandardCharsets.US_ASCII).equals(mark);
    } catch (NoSuchFileException e) {
      return false;
    }
  }

  private static boolean locked(FileChannel channel) throws IOException {
    try {
      FileLock lock = channel.tryLock();
      return lock != null;
    } catch (OverlappingFileLockException e) {
      return false;
    }
  }

  @Override
  public void close() throws IOException {
    try (channel) {
      if (removed) {
        Files.deleteIfExists(path);
      }
    }
  }
}
