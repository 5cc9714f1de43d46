package io.vmferry.streams.transfer;

import io.vmferry.streams.wire.Extension;
import io.vmferry.streams.wire.Extensions;

/**
 * How a round's pages may be written.
 *
 * @param zeroRanges whether pages are looked at, and those of zeros sent as zero ranges
 */
public record PageEncoding(boolean zeroRanges) {
  /** Every page as its bytes: the base protocol. */
  public static final PageEncoding PLAIN = new PageEncoding(false);

  /** What the agreed extensions allow. */
  public static PageEncoding of(Extensions agreed) {
    return new PageEncoding(agreed.has(Extension.ZERO_RANGES));
  }

  /** The same for runs of which it is known that no page is zero. */
  public PageEncoding withoutZeros() {
    return new PageEncoding(false);
  }
}
