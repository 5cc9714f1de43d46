package io.vmferry.daemon.cli;

/** What the command's exit status says; the README lists them. */
final class ExitCodes {
  /** Done. */
  static final int OK = 0;

  /** The node or the host could not do it; stderr says why and where the guest is. */
  static final int FAILED = 1;

  /** The command line or a value in it is wrong; nothing was done. */
  static final int USAGE = 2;

  /** No node answers at the address. */
  static final int UNREACHABLE = 3;

  /** A migration ended and it is not certain where the guest is: an operator must look. */
  static final int GUEST_LOCATION_UNKNOWN = 4;

  private ExitCodes() {}
}
