package io.vmferry.kvm.testing;

import io.vmferry.kvm.memory.PageSize;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.Assumptions;

/**
 * Hugepages that a test adds to the host's pool, and gives back.
 *
 * <p>Where the host cannot spare them (not root, memory too fragmented) the test is skipped with a
 * printed reason; for 2 MiB pages that is a failure where CI=true.
 */
public final class HugepageReservation implements AutoCloseable {
  private final PageSize pageSize;
  private final long pages;

  private HugepageReservation(PageSize pageSize, long pages) {
    this.pageSize = pageSize;
    this.pages = pages;
  }

  /** Adds pages to the pool; nothing for 4 KiB. */
  public static HugepageReservation reserve(PageSize pageSize, long pages) throws IOException {
    if (!pageSize.isHuge()) {
      return new HugepageReservation(pageSize, 0);
    }
    String reason = "no pool of " + pageSize.label() + " hugepages to write to";
    if (Files.isWritable(pool(pageSize))) {
      long added = adjust(pageSize, pages);
      if (added == pages) {
        return new HugepageReservation(pageSize, pages);
      }
      adjust(pageSize, -added);
      reason =
          "only " + added + " of " + pages + " hugepages of " + pageSize.label() + " to be had";
    }
    if (pageSize == PageSize.MIB_2 && "true".equals(System.getenv("CI"))) {
      throw new IllegalStateException(reason + ", and CI=true says that there must be");
    }
    System.out.println("SKIPPED: " + reason);
    Assumptions.abort(reason);
    throw new AssertionError("not reached");
  }

  @Override
  public void close() throws IOException {
    if (pages > 0) {
      adjust(pageSize, -pages);
    }
  }

  /** Changes the pool's size; how much of the change the kernel made. */
  private static long adjust(PageSize pageSize, long by) throws IOException {
    Path pool = pool(pageSize);
    // The lock keeps two test processes from losing each other's change.
    try (FileChannel channel =
            FileChannel.open(pool, StandardOpenOption.READ, StandardOpenOption.WRITE);
        var lock = channel.lock()) {
      long before = Long.parseLong(Files.readString(pool).trim());
      String wanted = Long.toString(Math.max(0, before + by));
      channel.write(ByteBuffer.wrap(wanted.getBytes(StandardCharsets.US_ASCII)), 0);
      if (!lock.isValid()) {
        throw new IOException("lost the lock on " + pool);
      }
      return Long.parseLong(Files.readString(pool).trim()) - before;
    }
  }

  private static Path pool(PageSize pageSize) {
    return Path.of(
        "/sys/kernel/mm/hugepages/hugepages-" + (pageSize.bytes() >> 10) + "kB/nr_hugepages");
  }
}
