package io.vmferry.daemon.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vmferry.daemon.render.Terminal;
import io.vmferry.streams.transport.MigrationUrl;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

class SnapshotTargetTest {
  /** What a command that takes a snapshot has of options. */
  @Command
  static final class Options {
    @Mixin private SnapshotTarget target = new SnapshotTarget();
    @Mixin private OffloadProgressOption progress = new OffloadProgressOption();
  }

  @TempDir private Path directory;

  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  private void keep(SnapshotTarget.Taking taking) throws IOException {
    PrintWriter progress = new PrintWriter(err, true);
    Console console =
        new Console(
            new PrintWriter(out),
            progress,
            Map.of(),
            new Terminal(progress, false, Terminal.DEFAULT_COLUMNS));
    Options options = new Options();
    new CommandLine(options)
        .parseArgs("--output-dir", directory.resolve("s").toString(), "--progress", "json");
    MigrationUrl url = new MigrationUrl.Unix(directory.resolve("socket"));
    options.target.keep(console, url, options.progress, place -> {}, taking);
  }

  private List<String> left() throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      return files.map(file -> file.getFileName().toString()).toList();
    }
  }

  @Test
  void theLastProgressIsSaidOnceAndBeforeTheFigures() throws Exception {
    keep(
        (listening, writer, shown) -> {
          assertTrue(Files.exists(directory.resolve("socket")));
          shown.begins(10);
          shown.done(10);
          return 10;
        });

    assertEquals(
        List.of("{\"bytes_done\":10,\"bytes_total\":10}"), err.toString().lines().toList());
    assertTrue(out.toString().startsWith("The snapshot is in "), out::toString);
    assertEquals(List.of("socket.lock"), left());
  }

  @Test
  void pagesThatAreKeptTogetherAreAStepOfTheirOwn() throws Exception {
    keep(
        (listening, writer, shown) -> {
          shown.begins(10);
          shown.done(10);
          shown.packs(4);
          shown.done(4);
          return 10;
        });

    assertEquals(
        List.of(
            "{\"bytes_done\":10,\"bytes_total\":10}",
            "{\"step\":\"working-set\",\"bytes_done\":0,\"bytes_total\":4}",
            "{\"step\":\"working-set\",\"bytes_done\":4,\"bytes_total\":4}"),
        err.toString().lines().toList());
  }

  @Test
  void whatWasBegunIsGoneWhenItFails() throws Exception {
    IOException refused = new IOException("The VMM gave up.");

    IOException thrown =
        assertThrows(
            IOException.class,
            () ->
                keep(
                    (listening, writer, shown) -> {
                      throw refused;
                    }));

    assertEquals(refused, thrown);
    assertEquals(List.of("socket.lock"), left());
  }
}
