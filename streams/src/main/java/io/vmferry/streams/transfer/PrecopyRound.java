package io.vmferry.streams.transfer;

import io.vmferry.streams.pages.PageRun;
import java.util.Iterator;

/**
 * What one round sends, and how.
 *
 * @param runs pages to send, each run inside one region of the memory; asked for more as chunks
 *     leave
 * @param encoding how they may be written to this destination
 * @param dirtyAgain which of them may be left out
 */
public record PrecopyRound(Iterator<PageRun> runs, PageEncoding encoding, DirtyAgain dirtyAgain) {

  /** A round of everything in the runs, byte by byte. */
  public static PrecopyRound plain(Iterator<PageRun> runs) {
    return new PrecopyRound(runs, PageEncoding.plain(), DirtyAgain.NEVER);
  }
}
