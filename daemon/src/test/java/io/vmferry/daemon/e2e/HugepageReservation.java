package io.vmferry.daemon.e2e;

import io.vmferry.kvm.memory.Hugepages;
import io.vmferry.kvm.memory.PageSize;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Hugepages reserved for a test; the pool is as it was afterwards. */
final class HugepageReservation implements AutoCloseable {
  private final Path pool;
  private final long before;
  private final boolean met;

  private HugepageReservation(Path pool, long before, boolean met) {
    this.pool = pool;
    this.before = before;
    this.met = met;
  }

  /** Makes sure of so many free pages, or as many as the machine can give: see {@link #isMet}. */
  static HugepageReservation of(PageSize size, long pages) throws IOException {
    Path pool =
        Path.of("/sys/kernel/mm/hugepages/hugepages-" + (size.bytes() >> 10) + "kB/nr_hugepages");
    long before = Long.parseLong(Files.readString(pool).strip());
    long missing = Math.max(0, pages - Hugepages.free(size));
    Files.writeString(pool, Long.toString(before + missing));
    return new HugepageReservation(pool, before, Hugepages.free(size) >= pages);
  }

  /** Whether the machine could give that many. */
  boolean isMet() {
    return met;
  }

  @Override
  public void close() throws IOException {
    Files.writeString(pool, Long.toString(before));
  }
}
