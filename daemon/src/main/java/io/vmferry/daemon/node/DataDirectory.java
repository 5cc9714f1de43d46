package io.vmferry.daemon.node;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The node's directory, locked against a second node: the user's, or a temporary one that is
 * removed at the end. Sockets are in {@code run}.
 */
final class DataDirectory implements AutoCloseable {
  private static final FileAttribute<?> OWNER_ONLY =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));
  // sockaddr_un holds 107 bytes and a zero: what "/migration-0123abcd.sock" leaves of them.
  // Source: unix(7).
  private static final int MAX_RUN_PATH = 107 - 24;

  private final Path path;
  private final boolean temporary;
  private final FileChannel lockFile;

  private DataDirectory(Path path, boolean temporary, FileChannel lockFile) {
    this.path = path;
    this.temporary = temporary;
    this.lockFile = lockFile;
  }

  /**
   * Makes it if it is not there, and locks it.
   *
   * @param directory null for a temporary one
   * @throws NodeFailure with one sentence for the user if it cannot be used
   */
  static DataDirectory open(@Nullable Path directory) {
    try {
      if (directory != null && directory.resolve("run").toString().length() > MAX_RUN_PATH) {
        throw NodeFailure.usage(
            "--data " + directory + " is too long for the names of sockets: use a shorter path");
      }
      Path path =
          directory == null
              ? Files.createTempDirectory("vmferry-node-", OWNER_ONLY)
              : Files.createDirectories(directory, OWNER_ONLY);
      FileChannel lock = lock(path);
      Files.createDirectories(path.resolve("run"), OWNER_ONLY);
      return new DataDirectory(path, directory == null, lock);
    } catch (IOException e) {
      throw NodeFailure.host(
          "The node's directory "
              + (directory == null ? "" : directory + " ")
              + "cannot be made or written to: give another one with --data",
          e);
    }
  }

  private static FileChannel lock(Path path) throws IOException {
    FileChannel channel =
        FileChannel.open(path.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    FileLock lock = null;
    try {
      lock = channel.tryLock();
    } catch (OverlappingFileLockException e) {
      // Another node of this JVM.
    }
    if (lock == null) {
      channel.close();
      throw NodeFailure.host(
          "Another node uses " + path + ": give this one a directory of its own with --data", null);
    }
    return channel;
  }

  /** Where sockets of migrations are made. */
  Path run() {
    return path.resolve("run");
  }

  /** Where it is written down who has which guest. */
  Path ownership() {
    return path.resolve("ownership");
  }

  /** Removes the sockets, and the rest too if it is a temporary directory. */
  @Override
  public void close() {
    try {
      lockFile.close();
      List<Path> gone;
      try (Stream<Path> all = Files.walk(temporary ? path : run())) {
        gone = all.sorted(Comparator.reverseOrder()).toList();
      }
      for (Path file : gone) {
        Files.deleteIfExists(file);
      }
    } catch (IOException e) {
      // Nothing was there, or somebody else's file is: neither keeps the node from ending.
    }
  }
}
