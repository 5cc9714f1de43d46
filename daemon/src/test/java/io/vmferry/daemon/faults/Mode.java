package io.vmferry.daemon.faults;

import io.vmferry.daemon.api.GuestConfig;
import io.vmferry.daemon.api.SendMigrationRequest;

/** How the guest migrates. */
enum Mode {
  PRECOPY("precopy", 1),
  PRECOPY_4("precopy", 4),
  POSTCOPY("postcopy", 1),
  HYBRID("hybrid", 1),
  LOCAL("local", 1);

  static final long MIB = 1L << 20;
  static final long MEMORY_BYTES = 16 * MIB;
  static final long WORKING_SET_BYTES = MIB;
  private static final long DIRTY_BYTES_PER_SECOND = 16 * MIB;
  // The guest outruns this, so that precopy does not end and hybrid switches.
  private static final long SLOW_BYTES_PER_SECOND = 8 * MIB;

  // The guest runs, and demands pages, before all have been pushed.
  private static final long PUSHED_BYTES_PER_SECOND = 64 * MIB;

  private final String memoryMode;
  private final int connections;

  Mode(String memoryMode, int connections) {
    this.memoryMode = memoryMode;
    this.connections = connections;
  }

  String memoryMode() {
    return memoryMode;
  }

  /** Whether the guest runs on the destination before its memory is there. */
  boolean fetchesPages() {
    return this == POSTCOPY || this == HYBRID;
  }

  GuestConfig guest() {
    long rate = this == HYBRID ? 0 : DIRTY_BYTES_PER_SECOND;
    return new GuestConfig("standard", WORKING_SET_BYTES, rate, null, null, null, null);
  }

  SendMigrationRequest options(String url) {
    SendMigrationRequest.Builder request =
        SendMigrationRequest.to(url, memoryMode)
            .connections(connections)
            .timeout(60, "ignore")
            .verify(true)
            .compression("off");
    if (this == POSTCOPY) {
      request.bandwidth(PUSHED_BYTES_PER_SECOND);
    } else if (this == HYBRID) {
      request
          .downtimeMs(20)
          .timeout(2, "ignore")
          .bandwidth(SLOW_BYTES_PER_SECOND)
          .autoConverge(false);
    }
    return request.build();
  }

  @Override
  public String toString() {
    return name().toLowerCase(java.util.Locale.ROOT).replace('_', '-');
  }
}
