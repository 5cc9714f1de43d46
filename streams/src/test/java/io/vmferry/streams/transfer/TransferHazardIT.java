package io.vmferry.streams.transfer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.kvm.testing.ChildJvm;
import io.vmferry.kvm.testing.RequiresUffd;
import java.time.Duration;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The transfer's own code on memory whose pages are missing, while the collector runs and the fault
 * handler is in the same JVM: a single access from Java code would stop that JVM for good, which is
 * why it is another one. That it would is proven in kvm-bridge, by SafepointHazardIT.
 */
@RequiresUffd
@Timeout(180)
class TransferHazardIT {
  // The child speaks every 100 ms while its Java code runs.
  private static final Duration SILENCE = Duration.ofSeconds(20);

  @ParameterizedTest
  @ValueSource(strings = {"precopy", "postcopy", "push"})
  void transferOfMissingMemoryNeverStopsTheJvm(String way) throws Exception {
    try (ChildJvm child = ChildJvm.start(TransferWhileCollecting.class, way)) {
      String last = "nothing";
      String line = child.nextLine(SILENCE);
      while (line != null && !line.startsWith("done") && !line.startsWith("failed")) {
        last = line;
        line = child.nextLine(SILENCE);
      }

      assertNotNull(line, "the JVM stopped, last said: " + last);
      String[] words = line.split(" ", -1);
      assertEquals("done", words[0], line);
      assertTrue(Long.parseLong(words[1]) >= TransferWhileCollecting.PAGES, line);
      assertTrue(Long.parseLong(words[2]) >= 20, "too few collections to prove much: " + line);
      System.out.println(way + ": " + words[1] + " faults beside " + words[2] + " collections");
      assertEquals(0, child.awaitExit(SILENCE));
    }
  }
}
