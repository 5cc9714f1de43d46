package io.vmferry.kvm.memory;

import io.vmferry.kvm.OwnedFd;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * The host's hugepage pools.
 *
 * <p>Source: Documentation/admin-guide/mm/hugetlbpage.rst, /sys/kernel/mm/hugepages.
 */
public final class Hugepages {
  private Hugepages() {}

  /**
   * How many pages of this size are free and not promised to anybody; 0 where the kernel has no
   * such pool. For 4 KiB, what the host's available memory makes.
   *
   * @throws IOException if the kernel does not tell
   */
  public static long free(PageSize pageSize) throws IOException {
    if (!pageSize.isHuge()) {
      return HostMemory.availableBytes() / pageSize.bytes();
    }
    return Math.max(0, read(pageSize, "free_hugepages") - read(pageSize, "resv_hugepages"));
  }

  /**
   * How many pages of this size the pool holds; 0 where the kernel has no such pool. For 4 KiB,
   * what the host's memory makes.
   *
   * @throws IOException if the kernel does not tell
   */
  public static long total(PageSize pageSize) throws IOException {
    if (!pageSize.isHuge()) {
      return HostMemory.totalBytes() / pageSize.bytes();
    }
    return read(pageSize, "nr_hugepages");
  }

  /**
   * Whether guest memory of 4 KiB pages gets transparent 2 MiB pages in this process: a matter of
   * speed only.
   */
  public static boolean transparent() {
    return TransparentHugepages.areGiven();
  }

  private static long read(PageSize pageSize, String file) throws IOException {
    Path path =
        Path.of("/sys/kernel/mm/hugepages/hugepages-" + (pageSize.bytes() >> 10) + "kB")
            .resolve(file);
    return Files.exists(path) ? Long.parseLong(Files.readString(path).trim()) : 0;
  }

  /**
   * The directory that memory files with transparent hugepages are made in, which is on no path.
   *
   * @return null if there is none; not to be closed
   */
  public static @Nullable OwnedFd transparentDirectory() {
    return TransparentHugepages.directory();
  }
}
