package io.vmferry.streams.transfer;

import io.vmferry.kvm.Gpa;
import io.vmferry.kvm.Hva;
import io.vmferry.kvm.memory.GuestMemory;
import io.vmferry.kvm.uffd.Installed;
import io.vmferry.kvm.uffd.Outcome;
import io.vmferry.kvm.uffd.PageInstaller;
import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * Installs arriving pages with userfaultfd: UFFDIO_COPY for bytes, UFFDIO_CONTINUE for pages of a
 * shared file. A page that is there already is left alone, and its waiters are woken.
 */
public final class UffdArrival implements PageArrival {
  private final GuestMemory memory;
  private final PageInstaller installer;

  /**
   * Installs into one guest.
   *
   * @param memory the destination's memory, registered with {@code installer}
   */
  public UffdArrival(GuestMemory memory, PageInstaller installer) {
    this.memory = memory;
    this.installer = installer;
  }

  @Override
  public void copy(Gpa page, long bytesAddress, ByteBuffer bytes) throws IOException {
    long length = bytes.remaining();
    Hva target = memory.regionAt(page, length).hvaOf(page);
    long done = 0;
    while (done < length) {
      Installed installed =
          installer.copy(target.plus(done), bytesAddress + done, length - done, true);
      done += progressOf(installed, target.plus(done), length - done);
    }
  }

  @Override
  public void resume(Gpa page, long lengthBytes) throws IOException {
    Hva target = memory.regionAt(page, lengthBytes).hvaOf(page);
    long done = 0;
    while (done < lengthBytes) {
      Installed installed = installer.resume(target.plus(done), lengthBytes - done);
      done += progressOf(installed, target.plus(done), lengthBytes - done);
    }
  }

  private long progressOf(Installed installed, Hva start, long lengthBytes) throws IOException {
    long done = installed.bytesDone();
    if (installed.outcome() == Outcome.ALREADY_PRESENT) {
      // The waiter may have come after the page did and before the kernel could tell it.
      long page = Math.min(lengthBytes - done, memory.pageSize().bytes());
      installer.wake(start.plus(done), page);
      return done + page;
    }
    if (installed.outcome() == Outcome.RETRY) {
      Thread.onSpinWait();
    }
    return done;
  }
}
