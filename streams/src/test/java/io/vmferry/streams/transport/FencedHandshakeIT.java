package io.vmferry.streams.transport;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.vmferry.kvm.testing.ChildJvm;
import io.vmferry.streams.testing.TestAuthority;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A JVM whose first timer is that of a stranger: it must not be a fenced thread that starts it. */
@Timeout(60)
class FencedHandshakeIT {
  private static final Duration LIMIT = Duration.ofSeconds(30);

  @TempDir private Path directory;

  @Test
  void aStrangerIsRefusedOnAFencedThread() throws Exception {
    Path files = new TestAuthority("authority").fill(directory.resolve("tls"));

    try (ChildJvm child = ChildJvm.start(FencedHandshake.class, files.toString())) {
      assertEquals(0, child.awaitExit(LIMIT));
      assertEquals("refused", child.nextLine(LIMIT));
    }
  }
}
