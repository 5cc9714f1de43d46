package io.vmferry.daemon.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.vmferry.daemon.api.Json;
import io.vmferry.daemon.testing.CommandRun;
import io.vmferry.kvm.testing.RequiresKvm;
import io.vmferry.kvm.testing.RequiresUffd;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The macro benchmarks as a user runs them, small. The figures mean nothing here. */
@RequiresKvm
@RequiresUffd
@Timeout(120)
class BenchIT {
  private static final long LIMIT_S = 110;

  @TempDir Path directory;

  @Test
  void comparesPrecopyWithTheLimit() throws Exception {
    try (CommandRun run =
        CommandRun.start(
            directory,
            "bench",
            "--memory",
            "128M",
            "--runs",
            "1",
            "--mode",
            "precopy",
            "--connections",
            "1",
            "--peers",
            "c",
            "--no-memory-keeper",
            "-o",
            "json")) {

      // Ten migrations and the JVMs beside them take their time where other tests run too.
      assertTrue(run.process().waitFor(LIMIT_S, TimeUnit.SECONDS), run::err);
      assertEquals(0, run.process().exitValue(), run::err);

      JsonNode result = Json.STRICT.readTree(run.out());
      assertEquals(128L << 20, result.get("memory_bytes").asLong());
      assertEquals(BenchResult.NOTE, result.get("note").asText());
      assertEquals(0, result.get("kept_memory_bytes").asLong());
      JsonNode cold = result.at("/scenarios/0");
      assertEquals("precopy-cold-1", cold.get("name").asText());
      JsonNode ours = cold.at("/runs/0");
      assertEquals("vmferry", ours.get("contender").asText());
      assertTrue(ours.get("bytes_sent").asLong() >= 120L << 20, ours::toString);
      assertTrue(ours.get("gib_per_second").asDouble() > 0, ours::toString);
      assertTrue(ours.get("downtime_ms").asDouble() > 0, ours::toString);
      assertTrue(ours.at("/source/peak_rss_bytes").asLong() > 128L << 20, ours::toString);
      boolean compiler = result.get("skipped").isEmpty();
      if (compiler) {
        assertEquals("c", cold.at("/runs/1/contender").asText());
        assertTrue(cold.at("/goals/0/measured/median").asDouble() > 0, cold::toString);
      }
      assertEquals("precopy-warm-1", result.at("/scenarios/1/name").asText());
      String[] left = directory.toFile().list((parent, name) -> name.startsWith("vmferry-bench-"));
      assertNotNull(left);
      assertEquals(0, left.length);
    }
  }
}
