package io.vmferry.streams.snapshot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** A file system of a few MiB; the test is skipped for users who may not mount one. */
public final class SmallDisk implements AutoCloseable {
  private final Path path;

  private SmallDisk(Path path) {
    this.path = path;
  }

  public static SmallDisk mount(Path path, int mebibytes) throws IOException {
    Files.createDirectory(path);
    assumeTrue(
        run("mount", "-t", "tmpfs", "-o", "size=" + mebibytes + "m", "tmpfs", path.toString()) == 0,
        "this user may not mount a small file system");
    return new SmallDisk(path);
  }

  public Path path() {
    return path;
  }

  private static int run(String... command) throws IOException {
    try {
      return new ProcessBuilder(command).redirectErrorStream(true).start().waitFor();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Override
  public void close() throws IOException {
    assertEquals(0, run("umount", path.toString()));
  }
}
