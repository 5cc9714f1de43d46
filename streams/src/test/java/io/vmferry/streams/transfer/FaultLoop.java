package io.vmferry.streams.transfer;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.Hva;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.memory.GuestRegion;
import io.vmferry.kvm.uffd.FaultBatch;
import io.vmferry.kvm.uffd.Uffd;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.concurrent.locks.LockSupport;

/** A thread that hands the page faults of a guest to what brings its pages. */
final class FaultLoop {
  private final Uffd uffd;
  private final GuestMemory memory;
  private final PostcopyFill fill;
  private final Thread thread = new Thread(this::run, "faults");
  private volatile boolean running = true;

  private FaultLoop(Uffd uffd, GuestMemory memory, PostcopyFill fill) {
    this.uffd = uffd;
    this.memory = memory;
    this.fill = fill;
  }

  static FaultLoop start(Uffd uffd, GuestMemory memory, PostcopyFill fill) {
    FaultLoop loop = new FaultLoop(uffd, memory, fill);
    loop.thread.start();
    return loop;
  }

  private void run() {
    FaultBatch batch = new FaultBatch(16);
    try {
      while (running) {
        if (uffd.read(batch) == 0) {
          LockSupport.parkNanos(20_000);
        }
        for (int i = 0; i < batch.size(); i++) {
          handle(new Hva(batch.address(i)));
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void handle(Hva touched) throws IOException {
    for (GuestRegion region : memory.regions()) {
      Gpa address = region.gpaOf(touched);
      if (region.contains(address, 1)) {
        fill.onFault(address, System.nanoTime());
      }
    }
  }

  /** Ends the thread and waits for it. */
  void stop() throws InterruptedException {
    running = false;
    thread.join();
  }
}
