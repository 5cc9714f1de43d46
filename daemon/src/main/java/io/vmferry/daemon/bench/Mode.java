package io.vmferry.daemon.bench;

import java.util.Locale;

/** What is measured; each makes one report or several. */
public enum Mode {
  /** All memory into a cold destination and into a warm one, with each number of connections. */
  PRECOPY,
  /** A guest whose memory is 90 % zero beside one without zeros. */
  ZERO,
  /** The pause of an idle guest. */
  DOWNTIME,
  /** The pause of a guest that dirties memory at half the link rate. */
  DIRTY,
  /** Time to resume, page faults during the fill, time to full. */
  POSTCOPY,
  /** A guest ten times larger. */
  SCALE;

  /** How it is written on the command line. */
  public String word() {
    return name().toLowerCase(Locale.ROOT);
  }
}
