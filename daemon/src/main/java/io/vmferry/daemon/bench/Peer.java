package io.vmferry.daemon.bench;

import java.util.Locale;

/** Who else moves the memory. */
public enum Peer {
  /** A small C program with plain reads and writes: the limit. */
  C,
  /** QEMU of the host's packages. */
  QEMU,
  /** A postcopy receiver that asks for one page at a time. */
  ONE_PAGE;

  /** How it is written on the command line and in reports. */
  public String word() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
