package io.vmferry.daemon.quickstart;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.vmferry.daemon.api.Json;
import io.vmferry.daemon.testing.CommandRun;
import io.vmferry.kvm.testing.RequiresKvm;
import io.vmferry.kvm.testing.RequiresUffd;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The demonstration as a user runs it: three processes and a real guest. */
@RequiresKvm
@RequiresUffd
@Timeout(120)
class QuickstartIT {
  private static final Pattern NODE = Pattern.compile("node [ab]  \\S+  \\(process (\\d+)\\)");

  @TempDir Path directory;

  @ParameterizedTest
  @ValueSource(strings = {"precopy", "postcopy", "hybrid", "local"})
  void movesAGuestAndProvesIt(String mode) throws Exception {
    try (CommandRun run =
        CommandRun.start(directory, "quickstart", "--mode", mode, "--memory", "256M", "--json")) {

      assertEquals(0, run.await(), run::err);

      List<String> lines = run.out().lines().toList();
      JsonNode result = Json.STRICT.readTree(lines.get(lines.size() - 1));
      assertEquals(mode, result.get("mode").asText());
      assertEquals("kvm", result.get("hypervisor").asText());
      assertEquals(256L << 20, result.get("memory_bytes").asLong());
      assertTrue(result.get("ok").asBoolean(), result::toString);
      assertEquals(0, result.get("mismatches").asLong());
      assertTrue(result.get("pages_verified").asLong() > 0);
      assertTrue(result.get("guest_running_on_destination").asBoolean());
      assertTrue(result.get("gone_from_source").asBoolean());
      assertTrue(result.get("digests_match").asBoolean());
      assertTrue(result.get("memory_digest").asText().matches("[0-9a-f]{16}"));
      assertTrue(result.get("downtime_ms").asDouble() > 0);
      assertTrue(result.get("total_ms").asDouble() >= result.get("downtime_ms").asDouble());
      switch (mode) {
        case "precopy", "hybrid" -> {
          assertTrue(result.get("rounds").asInt() >= 2, result::toString);
          // 64 MiB of working set and more, compressed while that is faster than the link.
          assertTrue(result.get("bytes_sent").asLong() >= 1L << 20, result::toString);
        }
        case "postcopy" -> {
          assertTrue(result.get("faults_served").asLong() > 0, result::toString);
          assertTrue(
              result.get("resume_ms").asDouble() < result.get("full_ms").asDouble(),
              result::toString);
        }
        default -> assertEquals(0, result.get("bytes_sent").asLong());
      }
      assertNothingIsLeft(run);
    }
  }

  @Test
  void anInterruptLeavesNoProcessAndNoFile() throws Exception {
    try (CommandRun run = CommandRun.start(directory, "quickstart")) {
      run.until(() -> run.err().contains("Guest 'wanderer' runs"));

      run.signal("INT");

      assertEquals(130, run.await(), run::err);
      assertNothingIsLeft(run);
    }
  }

  /** The nodes end with the one that started them, even if it could not tell them to. */
  @Test
  void theNodesOutliveNoKilledStarter() throws Exception {
    try (CommandRun run = CommandRun.start(directory, "quickstart")) {
      run.until(() -> run.err().contains("node b"));
      List<Long> nodes = nodes(run);

      run.signal("KILL");
      run.await();

      for (long pid : nodes) {
        ProcessHandle.of(pid).ifPresent(node -> node.onExit().join());
      }
    }
  }

  private static List<Long> nodes(CommandRun run) {
    List<Long> pids =
        NODE.matcher(run.err()).results().map(match -> Long.valueOf(match.group(1))).toList();
    assertEquals(2, pids.size(), run::err);
    return pids;
  }

  private void assertNothingIsLeft(CommandRun run) {
    for (long pid : nodes(run)) {
      assertFalse(ProcessHandle.of(pid).filter(ProcessHandle::isAlive).isPresent(), run::err);
    }
    String[] left =
        directory.toFile().list((parent, name) -> name.startsWith("vmferry-quickstart-"));
    assertNotNull(left);
    assertEquals(0, left.length, () -> String.join(" ", left));
  }
}
