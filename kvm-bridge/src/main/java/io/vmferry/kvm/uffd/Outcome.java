package io.vmferry.kvm.uffd;

/** What came of putting pages in place. */
public enum Outcome {
  /** All of them were put there. */
  INSTALLED,
  /** A page was there already (EEXIST): nothing was overwritten. */
  ALREADY_PRESENT,
  /** The address space is changing (EAGAIN): read the pending events, then try again. */
  RETRY
}
