package io.vmferry.streams.snapshot;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** Makes what was done to the names in a directory survive a power cut: fsync(2) of it. */
public final class DirectorySync {
  private DirectorySync() {}

  /** Blocks until names that were made, moved or removed there are on the disk. */
  public static void sync(Path directory) throws IOException {
    try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }
}
