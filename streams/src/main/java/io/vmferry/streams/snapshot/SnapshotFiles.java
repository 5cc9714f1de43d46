package io.vmferry.streams.snapshot;

import java.nio.file.Path;

/**
 * The names of a snapshot's files in its directory, as Cloud Hypervisor's offload daemon has them:
 * either program reads what the other wrote.
 *
 * <p>Source: docs/snapshots.md#dir.
 */
final class SnapshotFiles {
  static final String CONFIG = "migration_config.json";
  static final String STATE = "state.json";
  private static final String MEMORY = "memory-";

  private static final String WORKING_SET = "working-set";

  private SnapshotFiles() {}

  static Path config(Path directory) {
    return directory.resolve(CONFIG);
  }

  static Path state(Path directory) {
    return directory.resolve(STATE);
  }

  static Path memory(Path directory, int slot) {
    return directory.resolve(MEMORY + slot);
  }

  static Path workingSet(Path directory) {
    return directory.resolve(WORKING_SET);
  }

  /** Whether a snapshot has a file of that name, or one that a killed process leaves in it. */
  static boolean isOne(String name) {
    return name.equals(CONFIG)
        || name.equals(STATE)
        || name.equals(WORKING_SET)
        || name.matches(WORKING_SET + "\\.[0-9a-f-]+\\.new")
        || (name.startsWith(MEMORY) && name.substring(MEMORY.length()).matches("\\d+"));
  }
}
