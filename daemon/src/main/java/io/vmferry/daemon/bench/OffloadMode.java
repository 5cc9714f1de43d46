package io.vmferry.daemon.bench;

import java.util.Locale;

/** What is measured of the offload daemon; each makes one report or several. */
public enum OffloadMode {
  /** From the start of a command to its socket, and from its connection to Complete. */
  START,
  /** Snapshot into a directory and eager restore. */
  DIR,
  /** The same with a chunk store. */
  STORE,
  /** A guest that touches a part of its pages, with and without its working set. */
  ONDEMAND;

  /** How it is written on the command line. */
  public String word() {
    return name().toLowerCase(Locale.ROOT);
  }
}
