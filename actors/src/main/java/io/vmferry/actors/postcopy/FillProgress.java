package io.vmferry.actors.postcopy;

import java.util.concurrent.atomic.AtomicLong;

/** How far a fill is: moved on by the threads that receive pages, read by anybody. */
public final class FillProgress {
  private final AtomicLong bytesReceived;
  private final AtomicLong bytesPresent = new AtomicLong();
  private final AtomicLong faults = new AtomicLong();

  /**
   * Counts from here on.
   *
   * @param bytesReceived page bytes, over everything the session receives
   */
  public FillProgress(AtomicLong bytesReceived) {
    this.bytesReceived = bytesReceived;
  }

  /** Page bytes received. */
  public long bytesReceived() {
    return bytesReceived.get();
  }

  /** Guest memory that is here, pages of zeros included, which bring no bytes. */
  public long bytesPresent() {
    return bytesPresent.get();
  }

  /** Pages that came while a vCPU waited for them. */
  public long faults() {
    return faults.get();
  }

  /** So much of the memory was here before. */
  void startWith(long presentBytes) {
    bytesPresent.set(presentBytes);
  }

  void received(long bytes, long memoryBytes) {
    bytesReceived.addAndGet(bytes);
    bytesPresent.addAndGet(memoryBytes);
  }

  void faultServed() {
    faults.incrementAndGet();
  }
}
