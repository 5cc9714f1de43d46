package io.vmferry.actors.migration;

import java.security.SecureRandom;

/** Names for migrations: short enough to type, random so that two hosts do not choose the same. */
public final class MigrationIds {
  private static final SecureRandom RANDOM = new SecureRandom();

  private MigrationIds() {}

  /** A new name such as {@code m-3f9a01c2}. */
  public static String next() {
    return String.format("m-%08x", RANDOM.nextInt());
  }
}
