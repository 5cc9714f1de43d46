package io.vmferry.actors.ownership;

import io.vmferry.streams.snapshot.DirectorySync;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * Small files for their owner alone, each there whole or not at all. When a method returns, what it
 * did survives a power cut. One writer for each name.
 */
final class DurableDirectory {
  private static final FileAttribute<?> OWNER_ONLY_DIRECTORY =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));
  private static final FileAttribute<?> OWNER_ONLY =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));
  private static final String SUFFIX = ".json";
  private static final String STAGED = ".new";

  private final Path path;

  private DurableDirectory(Path path) {
    this.path = path;
  }

  /** Makes it if it is not there, and removes what a crash left half written. */
  static DurableDirectory open(Path path) throws IOException {
    Files.createDirectories(path, OWNER_ONLY_DIRECTORY);
    Path parent = path.toAbsolutePath().normalize().getParent();
    if (parent != null) {
      DirectorySync.sync(parent);
    }
    DurableDirectory directory = new DurableDirectory(path);
    try (DirectoryStream<Path> staged = Files.newDirectoryStream(path, "*" + STAGED)) {
      for (Path file : staged) {
        Files.delete(file);
      }
    }
    return directory;
  }

  /** The contents of all. */
  List<byte[]> readAll() throws IOException {
    List<byte[]> all = new ArrayList<>();
    try (DirectoryStream<Path> files = Files.newDirectoryStream(path, "*" + SUFFIX)) {
      for (Path file : files) {
        all.add(Files.readAllBytes(file));
      }
    }
    return all;
  }

  /** Makes or replaces one. */
  void replace(String name, byte[] bytes) throws IOException {
    stage(name, bytes);
    commit(name);
  }

  /** Writes what {@link #commit} puts in place; a crash before that leaves it out. */
  void stage(String name, byte[] bytes) throws IOException {
    Path staged = staged(name);
    Files.deleteIfExists(staged);
    try (FileChannel channel =
        FileChannel.open(
            staged, Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE), OWNER_ONLY)) {
      for (ByteBuffer rest = ByteBuffer.wrap(bytes); rest.hasRemaining(); ) {
        channel.write(rest);
      }
      channel.force(true);
    }
  }

  /** Makes what was staged the file's contents: a rename, and one sync. */
  void commit(String name) throws IOException {
    Files.move(staged(name), file(name), StandardCopyOption.ATOMIC_MOVE);
    DirectorySync.sync(path);
  }

  /** Removes one and what is staged for it, if they are there. */
  void remove(String name) throws IOException {
    Files.deleteIfExists(staged(name));
    if (Files.deleteIfExists(file(name))) {
      DirectorySync.sync(path);
    }
  }

  private Path file(String name) {
    return path.resolve(name + SUFFIX);
  }

  private Path staged(String name) {
    return path.resolve(name + SUFFIX + STAGED);
  }
}
