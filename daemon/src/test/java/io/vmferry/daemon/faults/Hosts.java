package io.vmferry.daemon.faults;

import io.vmferry.daemon.e2e.NodeJvm;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The two node processes, each a cluster of its own, so that nothing but the migration connects
 * them. They live from scenario to scenario; one that was killed, or is not as before, is replaced.
 */
final class Hosts implements AutoCloseable {
  private static final int LOG_LINES = 25;

  private final Path directory;
  private final String[] properties;
  private final Map<Side, NodeJvm> nodes = new EnumMap<>(Side.class);
  private final Map<Side, Footprint> baselines = new EnumMap<>(Side.class);
  private int started;

  Hosts(Path directory, String... properties) {
    this.directory = directory;
    this.properties = properties;
  }

  NodeJvm node(Side side) {
    NodeJvm node = nodes.get(side);
    if (node == null) {
      throw new IllegalStateException("no " + side + " node; call ready first");
    }
    return node;
  }

  /** Both run and answer. */
  void ready() throws IOException, InterruptedException {
    for (Side side : Side.values()) {
      NodeJvm node = nodes.get(side);
      if (node == null || !node.process().isAlive()) {
        Path home = Files.createDirectories(directory.resolve("run" + started++));
        nodes.put(
            side, NodeJvm.start(side.name().toLowerCase(Locale.ROOT), home, List.of(), properties));
        baselines.remove(side);
      }
    }
    for (NodeJvm node : nodes.values()) {
      node.awaitReady();
    }
  }

  /** What a node without guests holds, once {@link #measure} was called. */
  @Nullable Footprint baseline(Side side) {
    return baselines.get(side);
  }

  /** Whether it is known what they hold without guests, of those that will live on. */
  boolean areMeasured(Scenario scenario) {
    return Arrays.stream(Side.values())
        .allMatch(side -> scenario.kills(side) || baselines.containsKey(side));
  }

  /** Takes what the nodes hold now for what they hold without guests. */
  void measure() throws IOException {
    for (Side side : Side.values()) {
      baselines.put(side, Footprint.of(node(side)));
    }
  }

  /** The last lines that both wrote. */
  String logs() {
    StringBuilder logs = new StringBuilder();
    nodes.forEach(
        (side, node) -> {
          List<String> lines = node.log().lines().toList();
          logs.append(side).append(":\n");
          lines.stream()
              .skip(Math.max(0, lines.size() - LOG_LINES))
              .forEach(line -> logs.append("  ").append(line).append('\n'));
        });
    return logs.toString();
  }

  boolean isAlive(Side side) {
    return node(side).process().isAlive();
  }

  /** Ends a node, so that the next scenario gets a new one. */
  void replace(Side side) {
    node(side).kill();
  }

  @Override
  public void close() {
    for (NodeJvm node : nodes.values()) {
      if (node.process().isAlive()) {
        node.close();
      }
    }
  }
}
