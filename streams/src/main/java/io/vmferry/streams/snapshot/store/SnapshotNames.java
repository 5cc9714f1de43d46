package io.vmferry.streams.snapshot.store;

import java.util.regex.Pattern;

/** What snapshots in a store may be called: what is a file name everywhere. */
public final class SnapshotNames {
  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,99}");

  private SnapshotNames() {}

  /** Whether it may be a name. */
  public static boolean isOne(String text) {
    return NAME.matcher(text).matches();
  }

  /**
   * Checks a name.
   *
   * @throws IllegalArgumentException with one sentence for the user
   */
  public static String check(String text) {
    if (!isOne(text)) {
      throw new IllegalArgumentException(
          "'"
              + text
              + "' is no name for a snapshot: letters, digits, dots, dashes and underscores,"
              + " at most 100, a letter or digit first");
    }
    return text;
  }
}
