package io.vmferry.kvm.uffd;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.kvm.testing.ChildJvm;
import io.vmferry.kvm.testing.RequiresUffd;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Faults on watched memory while the collector runs all the time, with the fault handler in the
 * same JVM. Each case has a JVM of its own: one that stops can be killed, and is the proof that the
 * hazard is real.
 */
@RequiresUffd
@Timeout(300)
class SafepointHazardIT {
  private static final int PAGES = 20_000;
  // A collection takes milliseconds; the child speaks every 100 ms while its Java code runs.
  private static final Duration SILENCE = Duration.ofSeconds(20);
  // Less is enough where the kernel is asked as well.
  private static final Duration STALL = Duration.ofSeconds(5);

  @TempDir Path directory;

  @ParameterizedTest
  @ValueSource(strings = {"memcpy", "tcp-write", "tcp-read", "unix-write", "unix-read"})
  void faultsInsideNativeCallsNeverStopTheJvm(String way) throws Exception {
    try (ChildJvm child = start(way)) {
      String last = "nothing";
      String line = child.nextLine(SILENCE);
      while (line != null && line.startsWith("alive")) {
        last = line;
        line = child.nextLine(SILENCE);
      }

      assertNotNull(line, "the JVM stopped, last said: " + last);
      String[] words = line.split(" ", -1);
      assertEquals("done", words[0], line);
      assertTrue(Long.parseLong(words[1]) >= PAGES, line);
      assertTrue(Long.parseLong(words[2]) >= 50, () -> "too few collections to prove much");
      System.out.println(way + ": " + words[1] + " faults beside " + words[2] + " collections");
      assertEquals(0, child.awaitExit(SILENCE));
    }
  }

  @Test
  void aFaultInJavaCodeStopsTheJvmForGood() throws Exception {
    try (ChildJvm child = start("bytebuffer")) {
      String line = child.nextLine(SILENCE);
      assertNotNull(line, "the child never started");
      while (line != null) {
        assertTrue(line.startsWith("alive"), () -> "no stall: the hazard is gone, or not met");
        line = child.nextLine(STALL);
      }

      assertTrue(child.isAlive());
      assertTrue(waitsForAPage(child.pid()), "a thread of the child waits in handle_userfault");
    }
  }

  private ChildJvm start(String way) throws IOException {
    return ChildJvm.start(
        FaultsWhileCollecting.class,
        way,
        Integer.toString(PAGES),
        directory.resolve("s").toString());
  }

  /** Whether the kernel shows a thread of the process inside a userfault. */
  private static boolean waitsForAPage(long pid) throws IOException {
    Path tasks = Path.of("/proc", Long.toString(pid), "task");
    try (DirectoryStream<Path> list = Files.newDirectoryStream(tasks)) {
      for (Path task : list) {
        if (Files.readString(task.resolve("wchan")).contains("userfault")) {
          return true;
        }
      }
    }
    return false;
  }
}
