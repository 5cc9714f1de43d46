package io.vmferry.streams.transfer;

import io.vmferry.kvm.Gpa;
import java.nio.ByteBuffer;

/** Hears of pages on their way into a guest, on the threads that bring them. Thread-safe. */
public interface ArrivalListener {
  /** Hears nothing. */
  ArrivalListener NONE =
      new ArrivalListener() {
        @Override
        public void arrived(long pages, long bytes) {}

        @Override
        public void faultServed(long nanos, boolean bySource) {}
      };

  /**
   * Bytes are where they belong and the guest cannot see them yet.
   *
   * @param first the guest address of the first byte
   * @param bytes whole pages, present in memory, valid for this call
   */
  default void arriving(Gpa first, ByteBuffer bytes) {}

  /**
   * Pages are present.
   *
   * @param pages how many
   * @param bytes the bytes that came for them; 0 for pages of zeros or of a shared file
   */
  void arrived(long pages, long bytes);

  /**
   * The guest was given a page that it waited for.
   *
   * @param nanos since the fault was read
   * @param bySource whether the page had to come from the source; false if it was here already and
   *     only lacked its place in the page table
   */
  void faultServed(long nanos, boolean bySource);
}
