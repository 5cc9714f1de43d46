package io.vmferry.kvm.uffd;

/** What came of putting pages in place. */
public enum Outcome {
  /** All of them were put there. */
  INSTALLED,
  /** A page was there already (EEXIST): nothing was overwritten. */
  ALREADY_PRESENT,
  /** The file has no page there that could be mapped (EFAULT of UFFDIO_CONTINUE). */
  HOLE,
  /** The address space is changing (EAGAIN): read the pending events, then try again. */
  RETRY
}
