package io.vmferry.streams.transfer;

import io.vmferry.streams.pages.PageRun;
import io.vmferry.streams.wire.Request;
import io.vmferry.streams.wire.WireLimits;
import java.nio.ByteBuffer;
import java.util.Iterator;
import java.util.NoSuchElementException;

/**
 * As many Discard commands as it takes to name pages. Each is valid until the next one is asked
 * for.
 *
 * <p>Source: docs/protocol.md#hybrid.
 */
public final class DiscardFrames implements Iterator<ByteBuffer> {
  private final Iterator<PageRun> runs;
  private final OutgoingTable table = new OutgoingTable(WireLimits.CHUNK_RANGES);

  /**
   * The commands for these pages.
   *
   * @param runs of whole pages of the guest's page size
   */
  public DiscardFrames(Iterator<PageRun> runs) {
    this.runs = runs;
  }

  @Override
  public boolean hasNext() {
    return runs.hasNext();
  }

  @Override
  public ByteBuffer next() {
    if (!hasNext()) {
      throw new NoSuchElementException();
    }
    table.clear();
    while (runs.hasNext() && table.count() < WireLimits.CHUNK_RANGES) {
      PageRun run = runs.next();
      table.add(run.gpa(), run.lengthBytes());
    }
    return table.frame(Request.discard(table.count()));
  }
}
