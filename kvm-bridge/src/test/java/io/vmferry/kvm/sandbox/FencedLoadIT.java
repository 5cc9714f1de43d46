package io.vmferry.kvm.sandbox;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.kvm.testing.ChildJvm;
import java.time.Duration;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Fenced threads under load: collections, exceptions, classes that are loaded and compiled, closed
 * channels. One call that is missing on a list ends the JVM. The property {@code
 * vmferry.test.sandbox-load} is the number of seconds, 5 if it is not given; 3600 is an hour.
 */
class FencedLoadIT {
  private static final long SECONDS = Long.getLong("vmferry.test.sandbox-load", 5);
  private static final Pattern FIGURE = Pattern.compile("=(\\d+)");

  @ParameterizedTest
  @ValueSource(strings = {"-XX:+UseG1GC", "-XX:+UseSerialGC"})
  void aFencedThreadLivesUnderLoad(String collector) throws Exception {
    try (ChildJvm child =
        ChildJvm.start(
            List.of("-Xmx64m", "-XX:MaxDirectMemorySize=64m", collector),
            FencedLoad.class,
            Long.toString(SECONDS))) {
      String line = child.nextLine(Duration.ofSeconds(SECONDS + 60));

      assertNotNull(line, "the JVM ended or hangs; the kernel's log has the call (type=1326)");
      assertTrue(line.startsWith("done "), line);
      System.out.println(collector + " " + line);
      Matcher figures = FIGURE.matcher(line);
      while (figures.find()) {
        assertTrue(Long.parseLong(figures.group(1)) > 20, line);
      }
      assertEquals(0, child.awaitExit(Duration.ofSeconds(30)));
    }
  }
}
