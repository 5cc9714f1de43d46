package io.vmferry.streams.transfer;

import io.vmferry.streams.pages.PageRun;
import java.util.List;

/**
 * What one Memory command carries.
 *
 * @param runs in table order, none empty
 * @param bytes the sum of their lengths
 */
record Chunk(List<PageRun> runs, long bytes) {
  Chunk {
    runs = List.copyOf(runs);
  }
}
