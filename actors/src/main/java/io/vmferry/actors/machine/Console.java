package io.vmferry.actors.machine;

import io.vmferry.actors.guest.GuestReport;
import io.vmferry.actors.guest.GuestReportParser;
import java.nio.charset.StandardCharsets;

/**
 * The last serial output of a guest, and what the standard guest reports in it.
 *
 * <p>Thread-safe: vCPU threads write, anybody reads.
 */
public final class Console {
  // Some hundred lines; an embedder who wants all of it reads more often.
  private static final int KEPT_BYTES = 64 << 10;

  private final byte[] ring = new byte[KEPT_BYTES];
  private final GuestReportParser parser = new GuestReportParser();
  private long written;

  /** Takes one byte that the guest sent. */
  synchronized void accept(int value) {
    ring[(int) (written % KEPT_BYTES)] = (byte) value;
    written++;
    parser.accept((byte) value);
  }

  /** The output kept, oldest first; bytes that are not ASCII are replaced. */
  public synchronized String text() {
    int length = (int) Math.min(written, KEPT_BYTES);
    byte[] text = new byte[length];
    for (int i = 0; i < length; i++) {
      text[i] = ring[(int) ((written - length + i) % KEPT_BYTES)];
    }
    return new String(text, StandardCharsets.US_ASCII);
  }

  /** What the standard guest reported last; all zero before its first line. */
  public synchronized GuestReport report() {
    return parser.report();
  }
}
