package io.vmferry.kvm.sandbox;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.vmferry.kvm.testing.ChildJvm;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What a JVM that bound itself can still change. */
@Timeout(120)
class LandlockIT {
  private static final Duration LIMIT = Duration.ofSeconds(30);

  @TempDir private Path inside;
  @TempDir private Path outside;

  @Test
  void writesEndAtTheDirectory() throws Exception {
    assumeTrue(Landlock.version() > 0, "this kernel has no Landlock");
    Files.writeString(outside.resolve("old"), "old");
    List<String> lines = new ArrayList<>();

    try (ChildJvm child =
        ChildJvm.start(FencedWrites.class, inside.toString(), outside.toString())) {
      assertEquals(0, child.awaitExit(LIMIT));
      for (int i = 0; i < 10; i++) {
        lines.add(child.nextLine(LIMIT));
      }
    }

    assertEquals(
        List.of(
            "bound true",
            "write inside: done",
            "write outside: AccessDeniedException",
            "overwrite outside: AccessDeniedException",
            "delete outside: AccessDeniedException",
            "link outside: AccessDeniedException",
            "move in: AccessDeniedException",
            "move out: AccessDeniedException",
            "read outside: done",
            "memory: done"),
        lines);
    assertEquals("old", Files.readString(outside.resolve("old")));
    assertFalse(Files.exists(outside.resolve("new")));
  }
}
