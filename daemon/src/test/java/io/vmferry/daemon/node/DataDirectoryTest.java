package io.vmferry.daemon.node;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DataDirectoryTest {
  @TempDir private Path parent;

  @Test
  void aTemporaryOneIsTheOwnersAndGoesWithAllThatIsInIt() throws Exception {
    DataDirectory directory = DataDirectory.open(null);
    Path path = directory.run().getParent();
    assertEquals("rwx------", PosixFilePermissions.toString(Files.getPosixFilePermissions(path)));
    Files.createFile(directory.run().resolve("x.sock"));

    directory.close();

    assertFalse(Files.exists(path));
  }

  @Test
  void theUsersStaysWithoutItsSockets() throws Exception {
    Path path = parent.resolve("data");
    DataDirectory directory = DataDirectory.open(path);
    Files.createFile(directory.run().resolve("x.sock"));
    Files.createFile(path.resolve("mine"));

    directory.close();

    assertEquals(List.of("lock", "mine"), List.of(path.toFile().list()).stream().sorted().toList());
  }

  @Test
  void aSecondNodeIsRefusedUntilTheFirstIsGone() {
    DataDirectory first = DataDirectory.open(parent);
    NodeFailure failure = assertThrows(NodeFailure.class, () -> DataDirectory.open(parent));
    assertTrue(String.valueOf(failure.getMessage()).startsWith("Another node uses"));

    first.close();

    DataDirectory.open(parent).close();
  }

  @Test
  void aPathTooLongForASocketIsRefused() {
    Path path = parent.resolve("x".repeat(80));

    NodeFailure failure = assertThrows(NodeFailure.class, () -> DataDirectory.open(path));

    assertTrue(failure.isUsage());
    assertFalse(Files.exists(path));
  }
}
