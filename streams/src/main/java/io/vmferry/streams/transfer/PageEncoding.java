package io.vmferry.streams.transfer;

import io.vmferry.streams.compression.Compression;
import io.vmferry.streams.compression.CompressionChoice;
import io.vmferry.streams.wire.Extension;
import io.vmferry.streams.wire.Extensions;

/**
 * How pages may be written to one destination.
 *
 * @param zeroRanges whether pages are looked at, and those of zeros sent as zero ranges
 * @param compression what chunks are sent as; remembers the link from round to round
 */
public record PageEncoding(boolean zeroRanges, CompressionChoice compression) {

  /** Every page as its bytes: the base protocol. */
  public static PageEncoding plain() {
    return of(Extensions.NONE, Compression.OFF);
  }

  /** What the agreed extensions allow, for all rounds of one migration. */
  public static PageEncoding of(Extensions agreed, Compression wanted) {
    return new PageEncoding(
        agreed.has(Extension.ZERO_RANGES),
        new CompressionChoice(agreed.has(Extension.COMPRESSED) ? wanted : Compression.OFF));
  }

  /** The same for runs of which it is known that no page is zero. */
  public PageEncoding withoutZeros() {
    return new PageEncoding(false, compression);
  }
}
