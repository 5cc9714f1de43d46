package io.vmferry.kvm.sandbox;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.kvm.testing.ChildJvm;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What the kernel does to a fenced thread of a JVM, each time in a JVM of its own. */
@Timeout(120)
class SeccompIT {
  private static final Duration LIMIT = Duration.ofSeconds(30);
  // 128 and SIGSYS, as a shell has it.
  private static final int KILLED = 128 + 31;

  @TempDir Path directory;

  @ParameterizedTest
  @ValueSource(strings = {"socket", "process", "thread", "write"})
  void aForbiddenCallFailsOnTheFencedThreadOnly(String thing) throws Exception {
    try (ChildJvm child = start(SandboxRole.HEARS_PEER, SeccompMode.ERRNO, thing)) {
      String fenced = line(child, "fenced: ");

      assertTrue(fenced.startsWith("fenced: refused: "), fenced);
      assertEquals("main: done", line(child, "main: "));
      assertEquals(0, child.awaitExit(LIMIT));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"socket", "process", "thread", "write"})
  void aForbiddenCallEndsTheProcessWhereThatIsWanted(String thing) throws Exception {
    try (ChildJvm child = start(SandboxRole.HEARS_PEER, SeccompMode.KILL, thing)) {
      assertEquals(KILLED, child.awaitExit(LIMIT));
      assertNull(child.nextLine(Duration.ofMillis(100)));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"socket", "process", "thread", "write"})
  void aForbiddenCallIsMadeWhereItIsOnlyLogged(String thing) throws Exception {
    try (ChildJvm child = start(SandboxRole.HEARS_PEER, SeccompMode.LOG, thing)) {
      assertEquals("fenced: done", child.nextLine(LIMIT));
      assertEquals(0, child.awaitExit(LIMIT));
    }
  }

  @ParameterizedTest
  @EnumSource
  void whatIsOnTheListIsDone(SandboxRole role) throws Exception {
    for (String thing : List.of("read", "raise")) {
      try (ChildJvm child = start(role, SeccompMode.KILL, thing)) {
        assertEquals("fenced: done", child.nextLine(LIMIT), thing);
        assertEquals(0, child.awaitExit(LIMIT), thing);
      }
    }
  }

  @Test
  void withoutAFenceNothingIsForbidden() throws Exception {
    try (ChildJvm child = start(SandboxRole.HEARS_PEER, SeccompMode.OFF, "socket")) {
      assertEquals("fenced: done", child.nextLine(LIMIT));
      assertEquals(0, child.awaitExit(LIMIT));
    }
  }

  @ParameterizedTest
  @EnumSource
  void theKernelHereKnowsEveryMode(SeccompMode mode) {
    assertTrue(Seccomp.isAvailable(mode));
  }

  private ChildJvm start(SandboxRole role, SeccompMode mode, String thing) throws IOException {
    return ChildJvm.start(
        FencedWork.class, role.name(), mode.toString(), thing, directory.toString());
  }

  /** The JVM itself warns of a thread that it could not start. */
  private static String line(ChildJvm child, String start) throws InterruptedException {
    String line = child.nextLine(LIMIT);
    while (line != null && !line.startsWith(start)) {
      line = child.nextLine(LIMIT);
    }
    return String.valueOf(line);
  }
}
