package io.vmferry.kvm.memory;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * The host's memory as the kernel counts it.
 *
 * <p>Source: Documentation/filesystems/proc.rst, meminfo.
 */
public final class HostMemory {
  private HostMemory() {}

  /**
   * What programs can still take without swapping, in bytes (MemAvailable).
   *
   * @throws IOException if /proc/meminfo does not tell
   */
  public static long availableBytes() throws IOException {
    return field("MemAvailable:");
  }

  /**
   * All memory the kernel manages, in bytes (MemTotal).
   *
   * @throws IOException if /proc/meminfo does not tell
   */
  public static long totalBytes() throws IOException {
    return field("MemTotal:");
  }

  private static long field(String name) throws IOException {
    List<String> lines = Files.readAllLines(Path.of("/proc/meminfo"));
    for (String line : lines) {
      if (line.startsWith(name)) {
        return Long.parseLong(line.substring(name.length()).replace("kB", "").trim()) << 10;
      }
    }
    throw new IOException("/proc/meminfo has no " + name);
  }
}
