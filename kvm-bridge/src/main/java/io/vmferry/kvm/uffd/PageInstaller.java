package io.vmferry.kvm.uffd;

import io.vmferry.kvm.Hva;
import io.vmferry.kvm.SyscallException;

/** Puts pages into watched memory and wakes who waits for them. Thread-safe. */
public interface PageInstaller {
  /**
   * Puts copies of bytes into missing pages, all of a page at once.
   *
   * @param destination watched, at a page's start
   * @param sourceAddress the first byte, present in this process
   * @param lengthBytes a multiple of the page size
   * @param wake whether to wake who waits for these pages
   * @throws SyscallException ENOENT if the destination is not watched or not mapped; ESRCH if its
   *     process has ended; EFAULT if the source is missing; ENOMEM or ENOSPC with too little memory
   */
  Installed copy(Hva destination, long sourceAddress, long lengthBytes, boolean wake)
      throws SyscallException;

  /**
   * Maps pages that the file behind the memory has already (UFFDIO_CONTINUE), and wakes. Stops at a
   * hole of the file with {@link Outcome#HOLE}.
   *
   * @throws SyscallException as {@link #copy}
   */
  Installed resume(Hva start, long lengthBytes) throws SyscallException;

  /**
   * Puts zeros into missing pages, and wakes. Not for 2 MiB and 1 GiB pages.
   *
   * @throws SyscallException EINVAL on hugepages; others as {@link #copy}
   */
  Installed zeropage(Hva start, long lengthBytes) throws SyscallException;

  /**
   * Wakes who waits for these pages; they touch the memory again.
   *
   * @throws SyscallException EINVAL if the range is not whole pages
   */
  void wake(Hva start, long lengthBytes) throws SyscallException;
}
