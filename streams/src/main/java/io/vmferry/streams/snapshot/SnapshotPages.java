package io.vmferry.streams.snapshot;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.GuestRegion;
import io.vmferry.streams.config.GuestRamMapping;
import io.vmferry.streams.transfer.PageBytes;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.Map;

/**
 * Pages read out of a snapshot when they are asked for, into a buffer that is used in a circle.
 * Holes are zeros without a read.
 */
public final class SnapshotPages implements PageBytes {
  private final GuestMemory addresses;
  private final Map<Integer, MemorySource> sources = new HashMap<>();
  // Twice, as a call that does not fit before the end begins anew.
  private final ByteBuffer ring = ByteBuffer.allocateDirect(2 * VALID_BYTES);
  private final ByteBuffer zeros = ByteBuffer.allocateDirect(CALL_BYTES).asReadOnlyBuffer();

  /**
   * Pages of a snapshot.
   *
   * @param snapshot stays open as long as this is used
   * @param addresses its slots, of {@link SlotMemory#create}; only where they are is used
   */
  public SnapshotPages(SnapshotReader snapshot, GuestMemory addresses) {
    this.addresses = addresses;
    for (GuestRamMapping slot : snapshot.config().mappings()) {
      sources.put(slot.slot(), snapshot.memory(slot));
    }
  }

  @Override
  public ByteBuffer slice(Gpa start, int lengthBytes) throws IOException {
    GuestRegion region = addresses.regionAt(start, lengthBytes);
    MemorySource source = sources.get(region.slot());
    if (source == null) {
      throw new IllegalArgumentException("no slot " + region.slot());
    }
    long offset = region.offsetOf(start);
    long data = source.nextData(offset);
    if (data < 0 || data >= offset + lengthBytes) {
      if (!source.isWhole()) {
        throw new SnapshotException("The memory of slot " + region.slot() + " was cut short.");
      }
      return zeros.slice(0, lengthBytes);
    }
    if (ring.capacity() - ring.position() < lengthBytes) {
      ring.position(0);
    }
    ByteBuffer bytes = ring.slice(ring.position(), lengthBytes);
    ring.position(ring.position() + lengthBytes);
    source.readAt(offset, bytes);
    return bytes.rewind();
  }
}
