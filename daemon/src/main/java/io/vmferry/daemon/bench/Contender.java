package io.vmferry.daemon.bench;

/** Names of those that move memory, as they stand in reports. */
final class Contender {
  /** This project. */
  static final String VMFERRY = "vmferry";

  /** The C program. */
  static final String C = Peer.C.word();

  /** QEMU. */
  static final String QEMU = Peer.QEMU.word();

  /** The receiver that asks for one page at a time. */
  static final String ONE_PAGE = Peer.ONE_PAGE.word();

  private Contender() {}
}
